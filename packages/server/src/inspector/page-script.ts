/**
 * The page's script: asks for the state once a second while the page is seen, and writes all that it gets as
 * text. It stands here as text because it runs in a browser, where the rest of this package does not.
 */
export const pageScript = `'use strict'
const pollMs = 1000
const base = location.pathname.replace(/\\/+$/, '')
const byId = (id) => document.getElementById(id)
let chosen = null
let session = ''

const element = (name, text, className) => {
  const made = document.createElement(name)
  if (text !== undefined && text !== null) made.textContent = String(text)
  if (className) made.className = className
  return made
}
const time = (at) => {
  if (at === null || at === undefined) return '–'
  const date = new Date(at)
  const two = (n) => String(n).padStart(2, '0')
  return two(date.getHours()) + ':' + two(date.getMinutes()) + ':' + two(date.getSeconds()) + '.' + String(date.getMilliseconds()).padStart(3, '0')
}
const ms = (n) => (n === null || n === undefined ? '–' : n.toFixed(n < 100 ? 2 : 0) + ' ms')
const bytes = (n) => (n === null || n === undefined ? '–' : n < 10240 ? n + ' B' : n < 10485760 ? Math.round(n / 1024) + ' KiB' : Math.round(n / 1048576) + ' MiB')
const ask = async (path) => {
  const reply = await fetch(base + path, { cache: 'no-store' })
  if (!reply.ok) throw new Error(String(reply.status))
  return reply.json()
}
const fill = (table, heads, rows) => {
  const head = element('tr')
  for (const text of heads) { const cell = element('th', text); cell.scope = 'col'; head.append(cell) }
  const body = rows.map((cells) => {
    const row = element('tr')
    for (const cell of cells) {
      if (cell instanceof HTMLTableCellElement) row.append(cell)
      else if (cell instanceof Node) { const holder = element('td'); holder.append(cell); row.append(holder) }
      else row.append(element('td', cell))
    }
    return row
  })
  if (body.length === 0) { const row = element('tr'); const cell = element('td', 'None'); cell.colSpan = heads.length; row.append(cell); body.push(row) }
  const group = element('tbody'); group.append(...body)
  const top = element('thead'); top.append(head)
  table.replaceChildren(top, group)
}
const scroll = (table, label) => {
  const box = element('div', null, 'scroll')
  box.tabIndex = 0
  box.setAttribute('role', 'group')
  box.setAttribute('aria-label', label)
  box.append(table)
  return box
}
const isShown = (place, value) => {
  const stamp = JSON.stringify(value)
  const isSame = place.dataset.stamp === stamp
  place.dataset.stamp = stamp
  return isSame
}
const facts = (list, pairs) => {
  list.replaceChildren(...pairs.map(([name, value]) => { const pair = element('div'); pair.append(element('dt', name), element('dd', value)); return pair }))
}

function showState(state) {
  const { counts, slot, log } = state
  facts(byId('counts'), [
    ['Sessions', counts.sessions], ['Connections', counts.connections], ['Subscriptions', counts.subscriptions],
    ['Behind', counts.behind], ['Resets since the start', counts.resets], ['Locks held', counts.locks], ['Waiting for one', counts.waiting],
    ['Log: channels', log.channels], ['Log: entries', log.entries], ['Log: size', bytes(log.bytes)],
    ['Stream', slot.connected ? 'connected' : 'not connected'], ['Read up to', slot.lsn.toString(16)],
    ['WAL held back', bytes(slot.retainedBytes)], ['Newest change: commit to here', ms(slot.newestLagMs)],
  ])
  fill(byId('channels'), ['Channel', 'Subscribers', 'Behind', 'Loading', 'Present', 'Locks'],
    state.channels.map((c) => [c.channel, c.subscribers, c.behind, c.loading, c.present, c.locks]))
  fill(byId('sessions'), ['Session', 'User', 'State', 'Channels', 'Behind'],
    state.sessions.map((s) => [s.session, s.user, s.isFull ? 'socket full' : s.state, s.channels, s.behind]))
  fill(byId('locks'), ['Channel', 'Of', 'Session', 'Token', 'Since'],
    state.locks.map((l) => [l.channel, l.kind, l.session, l.token, time(l.at)]))
  showCommits(state.commits)
  const select = byId('why-session')
  const options = state.sessions.map((s) => s.session)
  if (session && !options.includes(session)) options.push(session)
  if (select.dataset.options !== options.join()) {
    select.dataset.options = options.join()
    select.replaceChildren(new Option('Choose a session', ''), ...options.map((id) => new Option(id, id)))
    select.value = session
  }
}

function showCommits(commits) {
  const table = byId('commits')
  const focused = document.activeElement && document.activeElement.dataset.lsn
  if (isShown(table, [commits, chosen])) return
  fill(table, ['Commit', 'At', 'Rows', 'Collections', 'Channels', 'Sent to', 'Until the last'],
    commits.map((c) => {
      const button = element('button', c.lsn.toString(16))
      button.type = 'button'
      button.dataset.lsn = c.lsn
      button.setAttribute('aria-pressed', String(c.lsn === chosen))
      button.addEventListener('click', () => choose(c.lsn))
      return [button, time(c.at), c.rows, c.collections.join(', '), c.channels, c.writes, ms(c.totalMs)]
    }))
  if (focused) { const again = table.querySelector('[data-lsn="' + focused + '"]'); if (again) again.focus() }
}

async function choose(lsn) {
  chosen = lsn
  byId('life').hidden = false
  await refresh()
  byId('h-life').focus()
}

function showLife(life) {
  const body = byId('life-body')
  if (isShown(body, life)) return
  const hops = element('table')
  let before = null
  fill(hops, ['Hop', 'At', 'After the one before', 'Note'], life.hops.map((hop) => {
    const isAside = hop.hop === 'request answered'
    const step = hop.at === null || before === null || isAside ? '' : ms(hop.at - before)
    if (hop.at !== null && !isAside) before = hop.at
    return [hop.hop, time(hop.at), step, element('td', hop.note || '', 'note')]
  }))
  const rows = element('table')
  fill(rows, ['Collection', 'Created', 'Updated', 'Destroyed'],
    Object.entries(life.rows).map(([name, n]) => [name, n.create, n.update, n.destroy]))
  const channels = element('table')
  fill(channels, ['Channel', 'Views that see it', 'Message', 'Reset'],
    life.channels.map((c) => [c.channel, c.views, bytes(c.frameBytes), c.reset || '–']))
  const writes = element('table')
  fill(writes, ['Session', 'Channel', 'Handed to its socket', 'Way', 'Known to have arrived'],
    life.writes.map((w) => [w.session, w.channel, time(w.at), w.way, time(w.aliveAt)]))
  body.replaceChildren(
    element('p', 'Commit ' + life.lsn.toString(16) + ', transaction ' + life.xid + (life.writer ? ', written by session ' + life.writer : '') + (life.reset ? ', told as a reset: ' + life.reset : ''), 'hint'),
    scroll(hops, 'Hops'), element('h3', 'Rows'), scroll(rows, 'Rows'), element('h3', 'Channels' + (life.channelsUnlisted ? ', and ' + life.channelsUnlisted + ' more' : '')), scroll(channels, 'Channels of the change'),
    element('h3', 'Sent to' + (life.writesUnlisted ? ', and to ' + life.writesUnlisted + ' more' : '')), 
    element('p', 'A message is known to have arrived when its session first answers a ping that was sent after it: bytes arrive in order. Pings go out every few seconds; a dash says that none has been answered yet. Whether the change is on the screen, no server knows.', 'hint'),
    scroll(writes, 'Sent to'))
}

function showWhy(why) {
  if (isShown(byId('why'), why)) return
  const list = element('table')
  fill(list, ['Channel', 'Got it', 'Why', 'When'], why.channels.map((w) => [
    w.channel, element('td', w.got ? 'yes' : 'no', w.got ? 'got' : 'not'),
    element('td', w.text + (w.detail ? ' (' + w.detail + ')' : ''), 'note'), time(w.at)]))
  byId('why').replaceChildren(...(why.text ? [element('p', why.text)] : []), ...(why.channels.length ? [scroll(list, 'Why')] : []))
}

async function refresh() {
  const state = byId('state')
  try {
    showState(await ask('/state'))
    if (chosen !== null) {
      showLife(await ask('/changes/' + chosen))
      if (session) showWhy(await ask('/changes/' + chosen + '/' + encodeURIComponent(session)))
    }
    if (state.textContent !== 'Live') state.textContent = 'Live'
    state.className = ''
  } catch (error) {
    const gone = error instanceof Error && error.message === '404'
    state.textContent = gone ? 'The change is not kept any more, or you may not look any more.' : 'No answer; trying again'
    state.className = 'bad'
  }
}

byId('why-session').addEventListener('change', (event) => {
  session = event.target.value
  if (!session) { byId('why').replaceChildren(); delete byId('why').dataset.stamp }
  void refresh()
})
byId('why-form').addEventListener('submit', (event) => event.preventDefault())
async function loop() {
  if (!document.hidden) await refresh()
  setTimeout(loop, pollMs)
}
void loop()
`
