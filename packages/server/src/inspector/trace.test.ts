import { expect, test } from 'vitest'
import { Batch } from '../hub/batch.ts'
import type { Carrier } from '../hub/carrier.ts'
import { Room } from '../hub/room.setup.ts'
import { encodeFrame } from '../log/frame.ts'
import type { SourceSink } from '../source/source.ts'
import { historiesMax, stepsMax } from './histories.ts'
import { commitsMax, type TracedCommit, writesMax } from './life.ts'
import { requestsMax } from './requests.ts'
import { Trace } from './trace.ts'
import { whyOf } from './why.ts'

const nowhere: SourceSink = {
  begin() {},
  change() {},
  truncate() {},
  untold() {},
  message() {},
  commit() {},
  progress() {},
  epoch() {},
}

function silent(): Carrier {
  return { send: () => true, waiting: false, ping() {}, moved: () => false, close() {}, terminate() {} }
}

/** A trace through which one commit on one channel has passed, up to the encoded message. */
function traced(lsn: number, trace: Trace = new Trace(() => 0)): { trace: Trace; batch: Batch } {
  const sink = trace.sink(nowhere)
  sink.begin(lsn, lsn, 0)
  sink.commit()
  const frame = encodeFrame('{}')
  trace.routed({
    kind: 'transaction',
    transaction: { xid: lsn, lsn, at: 0, channels: [{ channel: 'a/1', views: [] }] },
  })
  const entry = { xid: lsn, lsn, frame, bytes: 1, appendedAt: 0 }
  trace.transaction(lsn, [{ channel: 'a/1', view: 0, entry }])
  return { trace, batch: new Batch([frame]) }
}

function joined(trace: Trace, session: string): ReturnType<Trace['carrier']> {
  const carrier = trace.carrier(silent())
  carrier.told({ type: 'welcome', session, restored: false, token: 't', heartbeatMs: 1 })
  carrier.entered('a/1', { view: 0, lsn: 0, by: 'log' })
  return carrier
}

function reasonOf(trace: Trace, session: string): string | undefined {
  const [commit] = trace.commits
  return commit && whyOf(commit, session, trace.histories.of(session) ?? [])[0]?.reason
}

test('keeps the last commits, and forgets those of an epoch that is over', () => {
  const trace = new Trace(() => 0)
  for (let lsn = 1; lsn <= commitsMax + 50; lsn++) traced(lsn, trace)
  expect(trace.commits).toHaveLength(commitsMax)
  expect(trace.find(50)).toBe(undefined)
  expect(trace.find(51)?.lsn).toBe(51)
  trace.epoch({ epoch: 'e2', lsn: 1 })
  expect(trace.commits).toEqual([])
})

test('keeps so many writes of a commit and counts the rest, whose sessions are told so', () => {
  const trace = new Trace(() => 0)
  const carriers = Array.from({ length: writesMax + 7 }, (_, n) => joined(trace, `session-${n}`))
  const { batch } = traced(5, trace)
  for (const carrier of carriers) expect(carrier.send(batch)).toBe(true)
  const [commit] = trace.commits
  expect(commit?.writes).toHaveLength(writesMax)
  expect(commit?.writesUnlisted).toBe(7)
  expect(reasonOf(trace, 'session-0')).toBe('sent')
  expect(reasonOf(trace, `session-${writesMax + 6}`)).toBe('not_kept')
})

test('keeps so many requests, sessions and steps', () => {
  const trace = new Trace(() => 0)
  for (let n = 0; n < requestsMax + 20; n++) trace.requests.begin({ session: 's', mutation: `m${n}` })
  expect(trace.requests.size).toBe(requestsMax)
  for (let n = 0; n < historiesMax + 20; n++) joined(trace, `s${n}`)
  expect(trace.histories.size).toBe(historiesMax)
  expect(trace.histories.of('s0')).toBe(undefined)
  const carrier = joined(trace, 'busy')
  for (let n = 0; n < stepsMax * 2; n++) carrier.refused('a/2', 'no_channel')
  expect(trace.histories.of('busy')).toHaveLength(stepsMax)
})

test('tells of a session that is live, waits for a snapshot, is behind or gone what will become of a change', () => {
  const trace = new Trace(() => 0)
  const live = joined(trace, 'live')
  joined(trace, 'slow').behind('a/1')
  joined(trace, 'loading').told({ type: 'reset', channel: 'a/1', reason: 'slow' })
  joined(trace, 'gone').gone()
  const { batch } = traced(5, trace)
  expect(['live', 'slow', 'loading', 'gone'].map((session) => reasonOf(trace, session))).toEqual([
    'not_sent_yet',
    'behind',
    'loading',
    'disconnected',
  ])
  live.send(batch)
  expect(reasonOf(trace, 'live')).toBe('sent')
})

test('takes for a sign of life what answers a ping that followed the message, and nothing before', () => {
  let now = 0
  const trace = new Trace(() => now)
  const carrier = joined(trace, 's')
  const { batch } = traced(5, trace)
  carrier.ping()
  now = 1
  carrier.send(batch)
  now = 2
  carrier.heard()
  const write = (): TracedCommit['writes'][number] | undefined => trace.commits[0]?.writes[0]
  expect(write()).toMatchObject({ at: 1, aliveAt: undefined })
  carrier.ping()
  now = 3
  carrier.heard()
  expect(write()).toMatchObject({ at: 1, aliveAt: 3 })
})

test('without a trace a hub uses the carrier itself, and follows no connection', () => {
  const visitor = new Room().join()
  expect(visitor.connection.carrier).toBe(visitor)
  expect(visitor.connection.trace).toBe(undefined)
})
