import type { SessionEvent } from '@lockstep/server'
import { eventually } from '@lockstep/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Board, startBoard } from './wire/board.ts'

const logoutMs = 300
const events: SessionEvent[] = []
let refuses = false
let board: Board
beforeAll(async () => {
  board = await startBoard(
    { logoutMs },
    {
      onSession: async (event) => {
        events.push(event)
        if (event.kind !== 'subscribe') return
        return refuses ? false : { operations: [{ operation: 'project/hello', envelope: event.channel }] }
      },
    },
  )
})
afterAll(() => board.close())
beforeEach(() => {
  refuses = false
  events.length = 0
})

const subscribe = (channel: string) => ({ type: 'subscribe', id: 1, channel })
const kindsOf = (session: string): string[] =>
  events.filter((event) => event.session === session).map(({ kind }) => kind)

describe('a session on a real socket', () => {
  it('M13, S5: is answered, cut, disconnected once, and logged out once', async () => {
    const { id, token, position } = board.server.issueSession({ id: 'alice' })
    const client = board.raw()
    client.send({ type: 'hello', version: 1, token }, subscribe('project/1'))
    expect(await client.next('operations')).toEqual({
      type: 'operations',
      channel: 'project/1',
      at: expect.closeTo(Date.now(), -4),
      operations: [{ operation: 'project/hello', envelope: 'project/1' }],
    })
    expect(events[0]).toMatchObject({
      kind: 'subscribe',
      channel: 'project/1',
      session: id,
      issuedAt: position,
    })
    client.end()
    await eventually(() => expect(kindsOf(id)).toEqual(['subscribe', 'disconnected', 'logged_out']))
    const [, disconnected, out] = events.filter(({ session }) => session === id)
    expect((out?.at ?? 0) - (disconnected?.at ?? 0)).toBeGreaterThanOrEqual(logoutMs)
    expect((out?.number ?? 0) > (disconnected?.number ?? 0)).toBe(true)
    // Who comes back now is told that it begins anew.
    const again = board.raw()
    again.send({ type: 'hello', version: 1, token })
    expect(await again.next('welcome')).toMatchObject({ session: id, restored: false })
  })

  it('S5, G9: that the application refuses is told what one is told that may not see the channel', async () => {
    refuses = true
    const client = board.join('alice', subscribe('project/1'), subscribe('project/3'))
    const [refused, hidden] = [await client.next('error'), await client.next('error')]
    expect(refused.error).toEqual(hidden.error)
    expect(client.typesOf('project/1')).toEqual(['error'])
  })
})

it('S5: a server that closes says disconnected of everyone, and waits until it was heard', async () => {
  const heard: string[] = []
  const closing = await startBoard(
    {},
    {
      onSession: async ({ kind }) => {
        await Promise.resolve()
        heard.push(kind)
      },
    },
  )
  const client = closing.join('alice', subscribe('project/1'))
  await client.next('live')
  await closing.close()
  expect(heard).toEqual(['subscribe', 'disconnected'])
})
