import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

/** Where pictures of the pages go; ignored by git. */
const folder = fileURLToPath(new URL('../../artifacts/scrum/', import.meta.url))

/** Takes a picture of the whole page, named after the page, its width and its colours. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: true })
}
