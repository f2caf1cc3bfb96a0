import { StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import type { Page } from '../model/page.ts'
import { App } from './app.tsx'
import { boardClient } from './lockstep.ts'

/** The page as HTML, for the server. */
export function render(page: Page): string {
  const client = 'lockstep' in page ? boardClient(page.lockstep, 'server') : undefined
  return renderToString(
    <StrictMode>
      <App page={page} client={client} />
    </StrictMode>,
  )
}
