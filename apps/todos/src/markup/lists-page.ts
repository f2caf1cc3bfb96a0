import { type ListsPage, type Variant, variants } from '../model/page.ts'
import { nameLengthMax, titleLengthMax } from '../model/rows.ts'
import { headMarkup } from './head.ts'
import { type Html, html } from './html.ts'
import { logo, plusIcon } from './icons.ts'
import { listEntry, listPath } from './list-link.ts'
import { todoLine } from './todo.ts'

const names: Readonly<Record<Variant, string>> = { faye: 'Faye', native: 'Lockstep' }
const explanations: Readonly<Record<Variant, string>> = {
  faye: 'Kept in step by Faye’s own client over Bayeux, and a subscriber of the application.',
  native: 'Kept in step by the Lockstep client and its Backbone adapter.',
}

/** The page as it is before its script runs: complete to read. */
export function listsPageMarkup(page: ListsPage): Html {
  const { viewer, listId, lists, todos } = page
  const { variant } = page.live
  const open = lists.find(({ id }) => id === listId)
  const sorted = [...lists].sort((a, b) => a.id - b.id)
  return html`<a class="skip" href="#main">Skip to the list</a>
<header class="bar">
<a class="bar-home" href="/${variant}">${logo}<span>Todos</span></a>
<nav class="switch" aria-label="Client">${variants.map(
    (other) =>
      html`<a href="${listId === undefined ? `/${other}` : listPath(other, listId)}" title="${explanations[other]}"${other === variant && html` aria-current="true"`}>${names[other]}</a>`,
  )}</nav>
<p class="pill pill-connecting" id="status" role="status"><span class="pill-dot" aria-hidden="true"></span><span class="pill-word">Connecting</span></p>
<form class="bar-user" method="post" action="/sign-out"><span class="bar-name" title="${viewer.email}">${viewer.name}</span><button class="button plain small" type="submit">Sign out</button></form>
</header>
<div class="columns">
<nav class="lists" aria-label="Lists">
<ul id="lists">${sorted.map((list) => listEntry(list, variant, listId))}</ul>
<form id="new-list" class="composer"><input class="field" name="name" aria-label="New list" placeholder="New list" maxlength="${nameLengthMax}" autocomplete="off"><button class="icon-button" type="submit" aria-label="Create the list">${plusIcon}</button></form>
</nav>
<main id="main" tabindex="-1">
${
  open === undefined
    ? nothingMarkup()
    : sheetMarkup(
        open,
        [...todos].sort((a, b) => a.id - b.id),
      )
}
<p class="footnote">${explanations[variant]}</p>
</main>
</div>
<div id="notices" class="notices" role="alert"></div>
<div id="news" class="unseen" role="log" aria-live="polite"></div>`
}

function sheetMarkup(list: ListsPage['lists'][number], todos: ListsPage['todos']): Html {
  return html`<section class="sheet" id="sheet" aria-label="Open list">
<div class="head" id="head">${headMarkup(list)}</div>
<nav class="filters" id="filters" aria-label="Show"><a href="#" aria-current="true">All</a><a href="#open">Open</a><a href="#done">Done</a></nav>
<ul class="todos" id="todos" aria-label="Todos">${todos.map(todoLine)}</ul>
<p class="empty" id="empty" hidden></p>
<form id="new-todo" class="composer"><input class="field" name="title" aria-label="New todo" placeholder="What is to be done?" maxlength="${titleLengthMax}" autocomplete="off"><button class="button" type="submit">Add</button></form>
</section>`
}

/** In the place of a list where there is none, or not any more. */
export function nothingMarkup(
  title = 'No list yet',
  text = 'Create one: the field is beside the lists.',
): Html {
  return html`<section class="sheet nothing"><h1>${title}</h1><p>${text}</p></section>`
}
