import { operationsOf } from '@lockstep/client/operations'

/** What was in `bs/callbacks.js`. `bs` is the page's interface. */
export function registerCallbacks(channel, bs) {
  const operations = operationsOf(channel)
  // Before any callback: what the base class of all handlers did.
  operations.registerPart('_sprint_id', (sprint) => sprint === bs.sprint)
  operations.registerPart('_flash', (text) => bs.flash(text))
  operations.registerCallback('items/create', ({ item }) => bs.backlog.add(item))
  operations.registerCallback('welcome', ({ items }) => bs.flash(`${items} items`))
  // Operations of the meantime are lost: the page is drawn anew.
  operations.onMissed(() => bs.reload())
}
