import { Html } from './html.ts'

const icon = (paths: string): Html =>
  new Html(
    `<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${paths}</svg>`,
  )

export const removeIcon: Html = icon('<path d="M5.5 5.5l9 9M14.5 5.5l-9 9"/>')
export const renameIcon: Html = icon(
  '<path d="M4 16l.8-3.4L13 4.4a1.4 1.4 0 012 0l.6.6a1.4 1.4 0 010 2L7.4 15.2 4 16z"/>',
)
export const binIcon: Html = icon('<path d="M4.5 6h11M8 6V4.5h4V6m-6 0l.7 9.5h6.6L14 6"/>')
export const plusIcon: Html = icon('<path d="M10 4.5v11M4.5 10h11"/>')
export const logo: Html = new Html(
  '<svg class="logo" viewBox="0 0 44 44" width="32" height="32" aria-hidden="true"><rect width="44" height="44" rx="12" fill="#4f46c8"/><path d="M12 15.5l3 3 5.5-6" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/><path d="M12 29.5l3 3 5.5-6" fill="none" stroke="#a9f0d1" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/><path d="M25 16h8M25 30h8" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>',
)
