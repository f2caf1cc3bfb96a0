import { embedJson } from '@lockstep/protocol'
import { type Page, type ProjectPage, pageElementId, projectPageTitles } from '../../model/page.ts'
import type { Assets } from './assets.ts'

/** The whole HTML document: rows as HTML for the eye, the same rows as JSON for the script. */
export function documentOf(assets: Assets, page: Page): string {
  const theme = page.theme === 'system' ? '' : ` data-theme="${page.theme}"`
  const styles = assets.styles.map((href) => `<link rel="stylesheet" href="${href}">`).join('')
  const fonts = assets.fonts
    .map((href) => `<link rel="preload" as="font" type="font/woff2" crossorigin href="${href}">`)
    .join('')
  return `<!doctype html>
<html lang="en"${theme}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f6f4ee" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#141310" media="(prefers-color-scheme: dark)">
<title>${escapeHtml(titleOf(page))}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
${fonts}${styles}
<script type="module" src="${assets.script}"></script>
</head>
<body>
<div id="root">${assets.render(page)}</div>
<script type="application/json" id="${pageElementId}">${embedJson(page)}</script>
</body>
</html>
`
}

function titleOf(page: Page): string {
  switch (page.kind) {
    case 'sign-in':
      return 'Sign in · Lockstep Scrum'
    case 'projects':
      return 'Projects · Lockstep Scrum'
    case 'backlog':
    case 'planning':
    case 'sprint':
    case 'impediments':
      return `${projectPageTitles[page.kind]} · ${projectName(page)}`
    case 'problem':
      return `${page.title} · Lockstep Scrum`
  }
}

function projectName(page: ProjectPage): string {
  for (const snapshot of page.lockstep.snapshots) {
    const projects = snapshot.collections.projects
    const name = projects?.rows[0]?.[projects.columns.indexOf('name')]
    if (typeof name === 'string') return name
  }
  return 'Lockstep Scrum'
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}
