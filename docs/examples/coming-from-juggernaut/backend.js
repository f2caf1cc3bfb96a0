import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const {
  PORT = '3000',
  LOCKSTEP = 'http://localhost:4000/lockstep',
  LOCKSTEP_PUBLISH_SECRET = '',
} = process.env

/** Sessions of pages that are open: the project, and the number of the last callback. */
const sessions = new Map()
const items = []

async function ask(path, body, headers = {}) {
  const response = await fetch(`${LOCKSTEP}/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${LOCKSTEP_PUBLISH_SECRET}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`Lockstep answered ${response.status}`)
  return response.json()
}

/** Renders a page: first the session, then the rows. What is done after goes to the page by its position. */
async function page(project) {
  const wanted = { user: { id: 'olivia' }, channels: [`project/${project}`], snapshots: true }
  const state = await ask('sessions', wanted)
  sessions.set(state.session.id, { project, number: 0 })
  return { state, items }
}

/** What an action of the application does, with the id of the session that its request carried. */
async function createItem(project, item, session) {
  items.push(item)
  const message = {
    channel: `project/${project}`,
    operation: 'items/create',
    envelope: { item, _flash: 'Created.' },
  }
  await ask('publish', message, session === undefined ? {} : { 'lockstep-session': session })
  return item
}

/** The status of the answer to a callback, and messages for this client alone. */
function callback(kind, facts) {
  const session = sessions.get(facts.get('session_id'))
  if (session === undefined) return kind === 'subscribe' ? [404] : [200]
  const number = Number(facts.get('number'))
  if (number <= session.number) return [200] // late, or a second time
  if (kind === 'subscribe' && facts.get('channel') !== `project/${session.project}`) return [409]
  session.number = number
  if (kind === 'logged_out') sessions.delete(facts.get('session_id'))
  return kind === 'subscribe' ? [200, [{ operation: 'welcome', envelope: { items: items.length } }]] : [200]
}

function isSigned({ method, url, headers }) {
  const timestamp = String(headers['lockstep-timestamp'])
  const text = `${timestamp}\n${method}\n${url}\n` // and the body, for POST
  const expected = `v1=${createHmac('sha256', LOCKSTEP_PUBLISH_SECRET).update(text).digest('hex')}`
  const given = String(headers['lockstep-signature'])
  const isYoung = Math.abs(Date.now() / 1000 - Number(timestamp)) < 300
  return (
    isYoung && given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
  )
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://backend')
  const [, first, second] = pathname.split('/')
  if (first === 'juggernaut') return isSigned(request) ? callback(second, searchParams) : [401]
  if (request.method === 'GET' && first === 'projects') return [200, await page(second)]
  if (request.method === 'POST' && first === 'projects') {
    let body = ''
    for await (const chunk of request) body += chunk
    return [201, await createItem(second, JSON.parse(body), request.headers['lockstep-session'])]
  }
  return [404]
}

createServer(async (request, response) => {
  const [status, body = null] = await answer(request).catch(() => [500])
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}).listen(Number(PORT))
