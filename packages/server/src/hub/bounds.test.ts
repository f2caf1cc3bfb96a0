import { parsePosition } from '@lockstep/protocol'
import { expect, test } from 'vitest'
import { Room, settle, type Visitor } from './room.setup.ts'

const outboxBytes = 2_000

async function finish(room: Room, visitor: Visitor): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await settle()
    room.runtime.endTurn()
    visitor.read()
  }
}

test('G12: snapshots wait for room in the carrier, however many channels are asked for', async () => {
  const room = new Room()
  room.snapshotBytes = outboxBytes
  const visitor = room.join('s1', outboxBytes)
  for (let i = 0; i < 20; i++) await visitor.subscribe(`room/${i}`)
  await settle()
  expect(visitor.heard.filter((line) => line.startsWith('snapshot'))).toHaveLength(1)
  await finish(room, visitor)
  for (let i = 0; i < 20; i++) expect(visitor.heard).toContain(`live room/${i}`)
  expect(room.hub.status()).toMatchObject({ behind: 0, subscriptions: 20 })
})

test('G12: a reset of all channels gives a full carrier one snapshot at a time', async () => {
  const room = new Room()
  const visitor = room.join('s1', outboxBytes)
  for (let i = 0; i < 5; i++) await visitor.subscribe(`room/${i}`)
  await finish(room, visitor)
  visitor.got.length = 0
  room.snapshotBytes = outboxBytes
  room.log.append({ kind: 'reset', lsn: 200, reason: 'truncated' })
  await settle()
  expect(visitor.heard.filter((line) => line.startsWith('reset'))).toHaveLength(5)
  expect(visitor.heard.filter((line) => line.startsWith('snapshot'))).toHaveLength(1)
  // What is committed while snapshots wait is in them, or follows them.
  room.commit(300, 'room/0', 'room/1', 'room/2', 'room/3', 'room/4')
  await finish(room, visitor)
  for (let i = 0; i < 5; i++) {
    const lines = visitor.got.filter((message) => 'channel' in message && message.channel === `room/${i}`)
    const reached = lines.flatMap((message) => ('position' in message ? [message.position] : []))
    expect(reached.at(-1)).toBe('e1.12c')
    expect(lines.at(-1)?.type === 'live' || lines.at(-1)?.type === 'transaction').toBe(true)
  }
})

test('G11: a reset of some channels leaves the others as they are', async () => {
  const room = new Room()
  const visitor = room.join()
  for (const channel of ['room/1', 'room/2', 'room/3']) await visitor.subscribe(channel)
  await settle()
  visitor.got.length = 0
  room.log.append({
    kind: 'reset',
    lsn: 200,
    reason: 'truncated',
    scope: { templates: [], channels: ['room/2'] },
  })
  await finish(room, visitor)
  expect(visitor.heard).toContain('reset room/2')
  expect(visitor.heard).toContain('live room/2')
  expect(visitor.heard.filter((line) => !line.endsWith(' room/2'))).toEqual([])
})

test('G12: answers to a client that asks and never reads end with its connection', async () => {
  const room = new Room()
  const visitor = room.join('s1', 100)
  for (let i = 0; i < 20_000 && visitor.ended === undefined; i++) await visitor.subscribe('room/1')
  expect(visitor.ended).toBe('too_fast')
  const sent = visitor.got.length
  await visitor.subscribe('room/2')
  expect(visitor.got.length).toBe(sent)
})

test('G2: a live client sees no hole in a quiet channel whose past the log has forgotten', async () => {
  const room = new Room({ retentionMs: 5_000 })
  const visitor = room.join()
  await visitor.subscribe('room/1')
  await settle()
  room.commit(200, 'room/2')
  room.runtime.advance(room.limits.heartbeatMs / 2)
  visitor.got.length = 0
  room.log.append({ kind: 'progress', lsn: 250 })
  room.commit(300, 'room/1')
  const [message] = visitor.got
  if (message?.type !== 'transaction') throw new Error('no transaction')
  // It was sent all there was, and knows of everything up to 100.
  expect(parsePosition(message.prev).lsn).toBeLessThanOrEqual(100)
})
