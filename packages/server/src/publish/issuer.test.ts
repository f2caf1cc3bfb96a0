import type { PageState } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Backend, secret } from './backend.setup.ts'

let backend: Backend

beforeAll(async () => {
  backend = await Backend.start(async () => {}, {
    sync: {
      channels: { 'project/:projectId': { authorize: ({ user }) => user.role !== 'guest' } },
      collections: {
        items: {
          external: { id: 'integer', project_id: 'integer', title: 'text' },
          channel: 'project/:project_id',
        },
      },
    },
    issue: { secret },
  })
}, 60_000)

afterAll(async () => {
  await backend.stop()
  await backend.database.drop()
})

function ask(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://${backend.address}/lockstep/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function page(body: unknown): Promise<PageState> {
  const response = await ask(body)
  expect(response.status).toBe(200)
  return response.json()
}

it('H6: opens a session for the channels that are named, with where the log stands', async () => {
  await backend.publish({ channel: 'project/1', data: { create: { 1: { id: 1, title: 'One' } } } })
  const { url, session, snapshots } = await page({ user: { id: 7, name: 'Olivia' }, channels: ['project/1'] })
  expect([url, snapshots]).toEqual(['/lockstep', []])
  expect(session).toEqual({ id: expect.any(String), token: expect.any(String), position: expect.any(String) })
  const later = { channel: 'project/1', data: { create: { 2: { id: 2, title: 'Later' } } } }
  await backend.publish(later)
  const follower = await backend.subscribe('project/1', session.position, session.token)
  expect(follower.transactions.at(-1)?.changes).toMatchObject({
    items: { create: { 2: { title: 'Later' } } },
  })
  follower.socket.send(JSON.stringify({ type: 'subscribe', id: 2, channel: 'project/2' }))
  await eventually(() =>
    expect(follower.inbox.at(-1)).toMatchObject({ type: 'error', error: { code: 'no_channel' } }),
  )
  follower.close()
})

it('H6: gives the rows where they are wanted, as this user may see them', async () => {
  await backend.publish({ channel: 'project/3', data: { create: { 3: { id: 3, title: 'Three' } } } })
  const { snapshots } = await page({ user: { id: 7 }, channels: ['project/3'], snapshots: true })
  expect(snapshots).toMatchObject([
    { channel: 'project/3', collections: { items: { rows: [[3, 3, 'Three']] } } },
  ])
  const guest = await ask({ user: { id: 8, role: 'guest' }, channels: ['project/3'], snapshots: true })
  expect([guest.status, await guest.json()]).toMatchObject([404, { error: { code: 'no_channel' } }])
})

it('H6: refuses what is not a backend’s, and what names no user or no channels', async () => {
  const good = { user: { id: 1 }, channels: ['project/1'] }
  const cases: [unknown, Record<string, string>, number, string][] = [
    [good, { authorization: '' }, 401, 'unauthorized'],
    [good, { authorization: `Bearer ${secret}x` }, 401, 'unauthorized'],
    [good, { 'content-type': 'text/plain' }, 415, 'unsupported_media'],
    ['{', {}, 400, 'bad_request'],
    ['null', {}, 400, 'bad_request'],
    [{ channels: [] }, {}, 400, 'bad_request'],
    [{ user: {}, channels: [] }, {}, 400, 'bad_request'],
    [{ user: { id: '' }, channels: [] }, {}, 400, 'bad_request'],
    [{ user: { id: 1 } }, {}, 400, 'bad_request'],
    [{ user: { id: 1 }, channels: 'project/1' }, {}, 400, 'bad_request'],
    [{ user: { id: 1 }, channels: ['a b'] }, {}, 400, 'bad_channel'],
    [{ user: { id: 1 }, channels: Array(1_001).fill('project/1') }, {}, 413, 'too_many'],
    [{ user: { id: 1, name: 'x'.repeat(70_000) }, channels: [] }, {}, 413, 'too_large'],
    [{ user: { id: 1, name: 'x'.repeat(10_000) }, channels: [] }, {}, 413, 'too_large'],
  ]
  for (const [body, headers, status, code] of cases) {
    const response = await ask(body, headers)
    expect([response.status, (await response.json()).error.code]).toEqual([status, code])
  }
  expect((await fetch(`http://${backend.address}/lockstep/sessions`)).status).toBe(405)
})
