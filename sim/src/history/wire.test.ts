import { describe, expect, test } from 'vitest'
import { contentOf, Wire } from './wire.ts'

const channel = 'room/a'
const live = { type: 'live', channel, position: 'e1.1f' } as const
const transaction = {
  type: 'transaction',
  channel,
  position: 'e1.20',
  prev: 'e1.1f',
  at: 0,
  changes: {},
} as const

describe('the wire of a client', () => {
  test('tells what is asked for and each position, with rooms for channels', () => {
    const wire = new Wire('c')
    expect(wire.said(1, { type: 'subscribe', id: 4, channel, position: 'e1.10' })).toEqual([
      { kind: 'subscription', at: 1, client: 'c', room: 'a', what: 'asked', epoch: 'e1', lsn: 16 },
    ])
    expect(wire.heard(2, { type: 'subscribed', id: 4, channel })).toMatchObject([{ what: 'granted' }])
    expect(wire.heard(3, { type: 'reset', channel, reason: 'slow' })).toMatchObject([
      { kind: 'position', type: 'reset', reason: 'slow' },
    ])
    expect(wire.heard(4, live)).toEqual([
      { kind: 'position', at: 4, client: 'c', room: 'a', type: 'live', epoch: 'e1', lsn: 31 },
    ])
    expect(wire.heard(5, transaction)).toMatchObject([{ type: 'transaction', lsn: 32, prev: 31 }])
    expect(wire.heard(6, { type: 'heartbeat', position: 'e1.21' })).toMatchObject([{ room: 'a', lsn: 33 }])
    expect(wire.lost(7)).toMatchObject([{ room: 'a', what: 'ended' }])
    expect(wire.heard(8, transaction)).toMatchObject([{ kind: 'heard' }])
  })

  test('takes what is of an earlier request, and heartbeats of rooms that are not live, for signs of life alone', () => {
    const wire = new Wire('c')
    wire.said(1, { type: 'subscribe', id: 4, channel })
    wire.heard(1, { type: 'subscribed', id: 4, channel })
    wire.said(2, { type: 'subscribe', id: 5, channel })
    const sign = (at: number, type: string) => [{ kind: 'heard', at, client: 'c', type }]
    expect(wire.heard(3, live)).toEqual(sign(3, 'live'))
    expect(wire.heard(3, { type: 'subscribed', id: 4, channel })).toEqual(sign(3, 'subscribed'))
    expect(wire.heard(3, { type: 'heartbeat', position: 'e1.21' })).toEqual(sign(3, 'heartbeat'))
    const error = { code: 'no_channel', message: 'No.', retryable: false }
    expect(wire.heard(4, { type: 'error', id: 4, channel, error })).toEqual(sign(4, 'error'))
    expect(wire.heard(5, { type: 'error', id: 5, channel, error })).toMatchObject([
      { what: 'ended' },
      { kind: 'heard' },
    ])
  })
})

test('content is what only those may get who see the room', () => {
  const columns = ['id', 'room', 'balance', 'memo']
  const rows = { columns, key: [0], rows: [] }
  const snapshot = { type: 'snapshot', channel, position: 'e1.1', collections: { accounts: rows } } as const
  expect(contentOf(snapshot)).toEqual({ room: 'a', withMemo: true })
  expect(contentOf({ ...snapshot, collections: {} })).toEqual({ room: 'a', withMemo: false })
  const update = { accounts: { update: { '7': { memo: 'secret-a-1' } } } }
  expect(contentOf({ ...transaction, changes: update })).toEqual({ room: 'a', withMemo: true })
  expect(contentOf(transaction)).toEqual({ room: 'a', withMemo: false })
  expect(contentOf({ type: 'revoked', channel })).toBeUndefined()
})
