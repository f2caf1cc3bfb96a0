import { type ListsPage, pageElementId } from '../model/page.ts'

/** What the server rendered into the page for its script. */
export function readPage(): ListsPage {
  const element = document.getElementById(pageElementId)
  // Written by our own server into this very page.
  return JSON.parse(element?.textContent ?? '') as ListsPage
}
