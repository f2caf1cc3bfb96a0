import { createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { ProjectPage } from '../../apps/scrum/src/model/page.ts'
import { type BoardInTest, type Browser, startBoard } from '../../apps/scrum/src/server/board.testing.ts'

let board: BoardInTest
let alice: Browser
const heard: string[] = []
const flashes: string[] = []
let stop: () => void

/** What Banana Scrum had callbacks for, as far as it is about rows. */
const names = [
  ...['create', 'destroy', 'sort', 'import_csv', 'bulk_add'].map((name) => `items/${name}`),
  ...['description', 'estimate', 'user_story'].map((field) => `items/backlog_item_${field}`),
  ...['create', 'sort', 'assign_item_to_sprint', 'remove_item_from_sprint', 'update', 'destroy'].map(
    (name) => `sprints/${name}`,
  ),
  ...['create', 'destroy'].map((name) => `backlog_item_tags/${name}`),
  ...['create', 'update', 'destroy'].map((name) => `tags/${name}`),
  ...['create', 'destroy', 'sort', 'assign', 'task_estimate', 'task_summary'].map((name) => `tasks/${name}`),
  'comments/create',
  ...['create', 'destroy'].map((name) => `attachments/${name}`),
  ...['create', 'destroy', 'status', 'impediment_summary', 'impediment_description', 'create_comment'].map(
    (name) => `impediments/${name}`,
  ),
  ...['create', 'update', 'destroy', 'destroy_all', 'distribute'].map((name) => `planning_markers/${name}`),
]

beforeAll(async () => {
  board = await startBoard()
  const address = await board.listen()
  alice = await board.browser('alice@example.com')
  const olivia = await board.browser('olivia@example.com')
  const html = await (await olivia.get('/projects/1')).text()
  const json = /<script type="application\/json" id="page">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
  // Made by the server from a Page.
  const page = JSON.parse(json) as ProjectPage
  const client = createClient(
    { page: { ...page.lockstep, url: address + page.lockstep.url } },
    // Its events are those of the DOM's; only their types differ.
    { transport: webSocketTransport(WebSocket as unknown as WebSocketClass) },
  )
  const project = client.channel('project/1')
  for (const name of names) {
    project.on(name, (envelope) => {
      heard.push(name)
      flashes.push(String(Object(Object(envelope)._flash).notice))
    })
  }
  await project.ready
  stop = () => client.close()
}, 60_000)
afterAll(async () => {
  stop?.()
  await board?.close()
})

async function send(method: string, path: string, body?: object): Promise<number> {
  const reply = await alice.send(method, `/api/projects/1/${path}`, body)
  expect([path, reply.status < 300]).toEqual([path, true])
  return Number(Object(await reply.json()).id)
}

test('each write is told to the others under the name that Banana Scrum had for it, with a notice', async () => {
  const item = await send('POST', 'items', { user_story: 'told' })
  await send('PATCH', `items/${item}`, { user_story: 'retold', description: 'x', estimate: 3, after: null })
  await send('POST', 'items/bulk', { lines: ['a'] })
  await send('POST', 'items/import', { csv: 'title\nb' })
  const sprint = await send('POST', 'sprints', { name: 'S', from_date: '2026-01-01', to_date: '2026-01-02' })
  await send('PATCH', `sprints/${sprint}`, { goal: 'x' })
  await send('PATCH', `items/${item}`, { sprint_id: sprint, position: 'zz1' })
  await send('PATCH', `items/${item}`, { position: 'zz2' })
  await send('PATCH', `items/${item}`, { sprint_id: null })
  await send('DELETE', `sprints/${sprint}`)
  const link = await send('POST', 'item_tags', { item_id: item, name: 'new' })
  await send('DELETE', `item_tags/${link}`)
  const tag = await send('POST', 'tags', { name: 'newer' })
  await send('PATCH', `tags/${tag}`, { name: 'newest' })
  await send('DELETE', `tags/${tag}`)
  const task = await send('POST', 'tasks', { item_id: item, summary: 'x' })
  await send('PATCH', `tasks/${task}`, { summary: 'y', hours_left: 2, user_id: 2, position: 'z' })
  await send('DELETE', `tasks/${task}`)
  await send('POST', 'comments', { item_id: item, text: 'x' })
  const file = await send('POST', 'attachments', { item_id: item, name: 'x', content: 'AAAA' })
  await send('DELETE', `attachments/${file}`)
  const impediment = await send('POST', 'impediments', { summary: 'x' })
  await send('PATCH', `impediments/${impediment}`, { summary: 'y', description: 'z', open: false })
  await send('POST', 'comments', { impediment_id: impediment, text: 'x' })
  await send('DELETE', `impediments/${impediment}`)
  const marker = await send('POST', 'markers', { position: 'V' })
  await send('PATCH', `markers/${marker}`, { position: 'W' })
  await send('DELETE', `markers/${marker}`)
  await send('POST', 'markers/distribute', { velocity: 10 })
  await send('DELETE', 'markers')
  await send('DELETE', `items/${item}`)
  await eventually(() => expect(new Set(heard)).toEqual(new Set(names)))
  expect(flashes.every((notice) => notice.startsWith('Alice '))).toBe(true)
})
