import type { Changes, ScriptedServer } from './scripted-server.ts'

/** One item gets another title. */
export const title = (id: number, text: string): Changes => ({
  a: { items: { update: { [id]: { title: text } } } },
})
export const body = (request: { readonly body?: string | undefined }): { title?: string } =>
  JSON.parse(request.body ?? '{}')

/** Answers updates of an item as an application would. */
export function updates(server: ScriptedServer): void {
  server.writeRule = (url, request) => ({
    status: 200,
    body: { ok: true },
    changes: title(Number(url.split('/').at(-1)), body(request).title ?? ''),
  })
}

/** Follows a promise without waiting for it. */
export function follow(promise: Promise<unknown>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: 'pending' }
  promise.then(
    () => {
      seen.outcome = 'done'
    },
    (error: unknown) => {
      seen.outcome = error
    },
  )
  return seen
}
