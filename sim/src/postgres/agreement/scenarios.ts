import type { Operation } from './operation.ts'

/** Statements by session, in order: what random histories come upon too seldom. Commits are shown at once. */
export type Scenario = readonly (readonly [session: number, operation: Operation])[]

const begin: Operation = { kind: 'begin' }
const commit: Operation = { kind: 'commit' }
const rollback: Operation = { kind: 'rollback' }
const row = (id: number): Operation => ({ kind: 'insert', table: 'items', row: { id, room: 'a', n: 0 } })
const set = (key: number, columns: Record<string, unknown>): Operation => ({
  kind: 'update',
  table: 'items',
  key: String(key),
  columns,
})
const drop = (key: number): Operation => ({ kind: 'delete', table: 'items', key: String(key) })

const oneRow: Scenario = [
  [0, begin],
  [0, row(1)],
  [0, commit],
]

export const scenarios: Readonly<Record<string, Scenario>> = {
  'who waited for a row that has another key now keeps its lock': [
    ...oneRow,
    [0, begin],
    [0, set(1, { id: 2 })],
    [1, begin],
    [1, set(1, { n: 1 })],
    [0, commit],
    [2, begin],
    [2, set(2, { n: 2 })],
    [1, commit],
    [2, commit],
  ],
  'who waited writes over what is there now, and nothing else': [
    ...oneRow,
    [0, begin],
    [0, set(1, { n: 5 })],
    [1, begin],
    [1, set(1, { room: 'b' })],
    [0, commit],
    [1, commit],
  ],
  'who waited for a row that was deleted does not find the one that took its place': [
    ...oneRow,
    [0, begin],
    [0, drop(1)],
    [0, row(1)],
    [1, begin],
    [1, set(1, { n: 1 })],
    [0, commit],
    [1, commit],
  ],
  'a key that a transaction had for a while is waited for': [
    ...oneRow,
    [0, begin],
    [0, set(1, { id: 2 })],
    [0, set(2, { id: 3 })],
    [1, begin],
    [1, row(2)],
    [0, commit],
    [1, commit],
  ],
  'a key whose row another has written is waited for': [
    ...oneRow,
    [0, begin],
    [0, set(1, { n: 1 })],
    [1, begin],
    [1, row(1)],
    [0, commit],
    [1, rollback],
  ],
  'a key whose row another has only locked is taken': [
    ...oneRow,
    [0, begin],
    [0, { kind: 'lock', table: 'items', key: '1' }],
    [1, begin],
    [1, row(1)],
    [1, rollback],
    [0, commit],
  ],
  'a key is free when its owner rolls back, and taken when it commits': [
    [0, begin],
    [0, row(1)],
    [1, begin],
    [1, row(1)],
    [0, rollback],
    [2, begin],
    [2, row(1)],
    [1, commit],
    [2, rollback],
  ],
  'a failed statement lets go of everything at once': [
    ...oneRow,
    [0, begin],
    [0, set(1, { n: 1 })],
    [1, begin],
    [1, row(2)],
    [1, set(1, { n: 2 })],
    [2, begin],
    [2, row(2)],
    [0, set(2, { n: 9 })],
    [0, row(1)],
    [1, commit],
    [2, rollback],
    [0, rollback],
  ],
}
