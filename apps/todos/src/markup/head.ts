import type { ListRow } from '../model/rows.ts'
import { type Html, html } from './html.ts'
import { binIcon, renameIcon } from './icons.ts'

/** Name of the open list, what can be done with it, and how far it is. */
export function headMarkup({ name, open, total }: Pick<ListRow, 'name' | 'open' | 'total'>): Html {
  return html`<div class="head-line"><h1>${name}</h1>
<div class="head-actions"><button type="button" class="icon-button list-rename" aria-label="Rename this list">${renameIcon}</button>
<button type="button" class="icon-button list-remove" aria-label="Remove this list">${binIcon}</button></div></div>
${progressMarkup({ open, total })}`
}

export function progressMarkup({ open, total }: Pick<ListRow, 'open' | 'total'>): Html {
  return html`<div class="progress"><progress aria-label="Done" max="${Math.max(total, 1)}" value="${total - open}"></progress>
<p class="progress-words">${progressWords(open, total)}</p></div>`
}

function progressWords(open: number, total: number): string {
  if (total === 0) return 'Nothing to do yet'
  return open === 0 ? `All ${total} done` : `${total - open} of ${total} done`
}
