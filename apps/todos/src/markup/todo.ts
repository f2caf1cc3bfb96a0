import type { TodoRow } from '../model/rows.ts'
import { type Html, html } from './html.ts'
import { removeIcon } from './icons.ts'

/** What is inside of a todo's line. */
export function todoMarkup({ title, done }: Pick<TodoRow, 'title' | 'done'>): Html {
  return html`<label class="check"><input type="checkbox" class="todo-done" aria-label="${title}"${done && html` checked`}><span class="check-box" aria-hidden="true"></span></label>
<button type="button" class="todo-title" aria-label="Rename ${title}">${title}</button>
<button type="button" class="icon-button todo-remove" aria-label="Remove ${title}">${removeIcon}</button>`
}

/** A whole line, for the page's first paint. */
export function todoLine(todo: TodoRow): Html {
  return html`<li class="todo${todo.done && ' is-done'}">${todoMarkup(todo)}</li>`
}
