import type { Variant } from '../model/page.ts'
import type { ListRow } from '../model/rows.ts'
import { type Html, html } from './html.ts'

export function listPath(variant: Variant, listId: number): string {
  return `/${variant}/lists/${listId}`
}

/** What is inside of a list's entry in the navigation. One that the server has not named yet leads nowhere. */
export function listLinkMarkup(list: Partial<ListRow>, variant: Variant, openId: number | undefined): Html {
  const { id, name = '', open = 0 } = list
  const inside = html`<span class="list-name">${name}</span><span class="unseen">, </span><span class="list-count">${open}<span class="unseen"> open</span></span>`
  if (id === undefined) return html`<span class="list-link">${inside}</span>`
  return html`<a class="list-link" href="${listPath(variant, id)}"${id === openId && html` aria-current="page"`}>${inside}</a>`
}

export function listEntry(list: ListRow, variant: Variant, openId: number | undefined): Html {
  return html`<li>${listLinkMarkup(list, variant, openId)}</li>`
}
