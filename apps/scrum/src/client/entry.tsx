import '@fontsource-variable/inter/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import './shell/shell.css'
import './shell/connection.css'
import './shell/toasts.css'
import './sign-in/sign-in.css'
import './projects/projects.css'
import './backlog/backlog.css'
import './board/item.css'
import './board/menu.css'
import './board/details.css'
import './board/tasks.css'
import './board/comments.css'
import './board/markdown.css'
import './backlog/aside.css'
import './backlog/tools.css'
import './board/tags.css'
import './board/holder.css'
import './planning/planning.css'
import './sprint/sprint.css'
import './sprint/charts.css'
import './impediments/impediments.css'
import { StrictMode } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { type Page, pageElementId } from '../model/page.ts'
import { App } from './app.tsx'
import { boardClient } from './lockstep.ts'

const root = document.getElementById('root')
const data = document.getElementById(pageElementId)
if (root !== null && data !== null) {
  // Written by our own server into this very page.
  const page = JSON.parse(data.textContent) as Page
  const client = 'lockstep' in page ? boardClient(page.lockstep, 'browser') : undefined
  hydrateRoot(
    root,
    <StrictMode>
      <App page={page} client={client} />
    </StrictMode>,
  )
}
