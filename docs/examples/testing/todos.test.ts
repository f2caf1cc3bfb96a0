import { collection, defineSync } from '@lockstep/server'
import { type Sessions, startSessions, startTestServer, type TestServer } from '@lockstep/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

// Usually the application's own: its definition, its pages, its routes.
const sync = defineSync({
  channels: { 'list/:id': { authorize: () => true } },
  collections: {
    todos: collection<{ id: number; title: string }>({
      table: 'todos',
      channel: 'list/:list_id',
      columns: ['id', 'title'],
    }),
  },
})
const html = `<!doctype html><ul></ul><button>Rename</button><script type="module">
  const reply = await fetch('/lockstep/session', {
    method: 'POST', body: '{}', headers: { 'content-type': 'application/json' },
  })
  const { token } = await reply.json()
  const socket = new WebSocket('/lockstep')
  const send = (message) => socket.send(JSON.stringify(message))
  socket.onopen = () => {
    send({ type: 'hello', version: 1, token })
    send({ type: 'subscribe', id: 1, channel: 'list/1' })
  }
  const show = (title) => { document.querySelector('ul').innerHTML = '<li>' + title }
  socket.onmessage = ({ data }) => {
    const { collections, changes } = JSON.parse(data)
    for (const [, title] of collections?.todos.rows ?? []) show(title)
    for (const { title } of Object.values(changes?.todos.update ?? {})) show(title)
  }
  document.querySelector('button').onclick = () => fetch('/rename', { method: 'POST' })
</script>`

let server: TestServer
let sessions: Sessions

// The first start of a Postgres takes some seconds.
beforeAll(async () => {
  server = await startTestServer({
    sync,
    schema: 'CREATE TABLE todos (id serial PRIMARY KEY, list_id int, title text)',
    fixtures: { todos: [{ list_id: 1, title: 'Get Cheeseburgers' }] },
    handler: (request, lockstep) =>
      request.method === 'POST'
        ? lockstep.respond(request, ({ sql }) => sql`UPDATE todos SET title = 'Buy Cheeseburgers'`)
        : new Response(html, { headers: { 'content-type': 'text/html' } }),
  })
  sessions = await startSessions({ address: server.address, watch: server.watch })
}, 60_000)

afterAll(async () => {
  await sessions?.close()
  await server?.close()
})

test('what Olivia renames, Alice sees', async () => {
  for (const name of ['Alice', 'Olivia']) {
    const { page, context } = await sessions.using(name)
    await context.addCookies([{ name: 'user', value: name, url: server.address }])
    await page.goto('/lists/1')
  }
  await sessions.page.getByRole('button', { name: 'Rename' }).click()
  await sessions.settled()
  await sessions.switchTo('Alice')
  expect(await sessions.page.getByText('Buy Cheeseburgers').isVisible()).toBe(true)
  expect(sessions.errors).toEqual([])
}, 60_000)
