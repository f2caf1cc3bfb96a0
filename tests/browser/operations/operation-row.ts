import type { ServerMessage } from '@lockstep/protocol'
import type { Locator } from 'playwright-core'
import type { Person } from '../person.ts'

/** One operation as people meet it: what somebody does on a page, and what the others then see on theirs. */
export interface OperationRow {
  /** Its name in Banana Scrum. */
  readonly operation: string
  /** HTTP requests that it costs who does it. The others never send any. */
  readonly requests: readonly RegExp[]
  /** The message of the stream that tells the others of it; default: a transaction that has the operation. */
  readonly message?: ServerMessage['type']
  /** It ends what the one before it began. */
  readonly bySame?: true
  act(doer: Person): Promise<void>
  /** Resolves when it is on the page of somebody else; `doer` is the name of who did it. */
  see(other: Person, doer: string): Promise<unknown>
}

/** Operations of one page, in an order in which each finds what it needs. */
export interface OperationPage {
  /** Within the project, `/sprint` say. */
  readonly path: string
  readonly rows: readonly OperationRow[]
}

export const post = (path: string): readonly RegExp[] => [of('POST', path)]
export const patch = (path: string): readonly RegExp[] => [of('PATCH', path)]
export const remove = (path: string): readonly RegExp[] => [of('DELETE', path)]

function of(method: string, path: string): RegExp {
  return new RegExp(`^${method} /api/projects/1/${path}$`)
}

export function list(person: Person, name: string): Locator {
  return person.page.getByRole('list', { name, exact: true })
}

/** The article of that name with its details open, which costs no request. */
export async function opened(person: Person, name: string): Promise<Locator> {
  const article = person.item(name)
  const button = article.getByRole('button', { name: `Details of ${name}` })
  if ((await button.getAttribute('aria-expanded')) === 'false') await button.click()
  return article
}

/** A notice as it is shown: for a moment, or in a wide backlog's list; what screen readers are told does not count. */
export function notice({ page }: Person, text: string): Locator {
  return page.locator('p:not([role=status])').filter({ hasText: text, visible: true }).first()
}

/** Types into a field and presses Enter. */
export async function enter(field: Locator, text: string): Promise<void> {
  await field.fill(text)
  await field.press('Enter')
}
