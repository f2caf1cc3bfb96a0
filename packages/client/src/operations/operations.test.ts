import type { Json, ResetReason } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import { type Operations, operationsOf } from './operations.ts'

interface Scene extends Stage {
  readonly operations: Operations
  readonly heard: unknown[]
  commit(operation: string, envelope: Json, session?: string): void
}

function scene(): Scene {
  const made = stage()
  const operations = operationsOf(made.live().channel('a'), { onError: (error) => made.errors.push(error) })
  return {
    ...made,
    operations,
    heard: [],
    commit(operation, envelope, session = 'other') {
      made.server.commit({ a: {} }, { session, operations: { a: [{ operation, envelope }] } })
      made.server.connection.arrive()
    },
  }
}

describe('registerCallback', () => {
  test('O4: parts are handled first, in the order of their registration, then the callback gets the rest', () => {
    const { operations, heard, commit } = scene()
    operations.registerCallback('items/create', (envelope, { session }) => heard.push([envelope, session]))
    operations.registerPart('_burnchart', (value) => heard.push(['burnchart', value]))
    operations.registerPart('_flash', (value, { operation }) => heard.push(['flash', value, operation]))
    commit('items/create', { item: 7, _flash: 'Created', _burnchart: [1, 2] })
    expect(heard).toEqual([
      ['burnchart', [1, 2]],
      ['flash', 'Created', 'items/create'],
      [{ item: 7 }, 'other'],
    ])
  })

  test('O4: every name that begins with one underscore is a part; any other envelope has none', () => {
    const envelope = fc.oneof(
      fc.dictionary(
        fc.oneof(
          fc.string(),
          fc.string().map((name) => `_${name}`),
        ),
        fc.jsonValue(),
      ),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(envelope, (value) => {
        const { operations, heard, commit } = scene()
        const sent: Json = JSON.parse(JSON.stringify(value))
        operations.registerCallback('x', (rest) => heard.push(rest))
        commit('x', sent)
        const isObject = typeof sent === 'object' && sent !== null && !Array.isArray(sent)
        const rest = isObject
          ? Object.fromEntries(Object.entries(sent).filter(([name]) => !/^_(?!_)/.test(name)))
          : sent
        expect(heard).toEqual([rest])
      }),
      { numRuns: 50 },
    )
  })

  test('O4: a part that answers false ends the operation for this page', () => {
    const { operations, heard, commit } = scene()
    operations.registerPart('_sprint_id', (sprint) => sprint === 5)
    operations.registerPart('_flash', (text) => heard.push(text))
    operations.registerCallback('tasks/create', (envelope) => heard.push(envelope))
    commit('tasks/create', { task: 1, _sprint_id: 6, _flash: 'elsewhere' })
    commit('tasks/create', { task: 2, _sprint_id: 5, _flash: 'here' })
    expect(heard).toEqual(['here', { task: 2 }])
  })

  test('O4: several callbacks share one handling of the parts, and each may end', () => {
    const { operations, heard, commit } = scene()
    operations.registerPart('_flash', () => heard.push('flash'))
    const end = operations.registerCallback('x', () => heard.push('first'))
    operations.registerCallback('x', () => heard.push('second'))
    commit('x', { _flash: '' })
    end()
    commit('x', { _flash: '' })
    expect(heard).toEqual(['flash', 'first', 'second', 'flash', 'second'])
  })

  test('an operation without a callback is all parts', () => {
    const { operations, heard, commit, errors } = scene()
    operations.registerPart('_burnchart', (value) => heard.push(value))
    operations.registerCallback('burnchart')
    commit('burnchart', { _burnchart: 3 })
    expect([heard, errors]).toEqual([[3], []])
  })

  test('O5: what nobody knows is reported once and throws nowhere', () => {
    const { operations, heard, commit, errors } = scene()
    operations.registerCallback('x', (envelope) => heard.push(envelope))
    for (const n of [1, 2]) {
      commit('x', { n, _new: true })
      commit('y', {})
    }
    expect(heard).toEqual([{ n: 1 }, { n: 2 }])
    expect(errors.map(String)).toEqual([
      'Error: Nobody handles the part "_new" of operation "x" of a.',
      'Error: Nobody hears operation "y" of a.',
    ])
  })

  test('a part or a callback that throws is reported, and the others go on', () => {
    const { operations, heard, commit, errors } = scene()
    operations.registerPart('_flash', () => {
      throw new Error('part')
    })
    operations.registerCallback('x', () => {
      throw new Error('callback')
    })
    operations.registerCallback('x', () => heard.push('other'))
    commit('x', { _flash: 1 })
    expect([heard, errors.map(String)]).toEqual([['other'], ['Error: part', 'Error: callback']])
  })

  test('O3: the writer’s own are skipped, also those repeated after a cut; the others’ come once and in order', async () => {
    const { server, runtime, connect, operations, heard, commit } = scene()
    operations.registerCallback('x', (envelope) => heard.push(envelope))
    commit('x', 'mine', 's0')
    commit('x', 'one')
    for (const [session, text] of [
      ['s0', 'mine, unheard'],
      ['other', 'two'],
      ['other', 'three'],
    ] as const) {
      server.commit({ a: {} }, { session, operations: { a: [{ operation: 'x', envelope: text }] } })
    }
    server.connection.cut()
    await runtime.advance(100)
    connect()
    expect(heard).toEqual(['one', 'two', 'three'])
  })

  test('O6: a reset tells that operations may have been missed, and a later resume does not tell it again', async () => {
    const { server, runtime, connect, operations, heard, commit } = scene()
    operations.registerCallback('x', (envelope) => heard.push(envelope))
    operations.onMissed((reason: ResetReason) => heard.push(['missed', reason]))
    server.connection.cut()
    server.commit({ a: {} }, { operations: { a: [{ operation: 'x', envelope: 'unheard' }] } })
    server.newEpoch()
    await runtime.advance(100)
    connect()
    expect(heard).toEqual([['missed', 'epoch']])
    server.connection.cut()
    await runtime.advance(500)
    connect()
    commit('x', 'heard')
    expect(heard).toEqual([['missed', 'epoch'], 'heard'])
  })
})
