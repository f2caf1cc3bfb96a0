import Backbone from 'backbone'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Todo } from '../models.ts'
import { FayeSubscriber } from './faye-subscriber.js'
import { PositionExtension } from './position-extension.js'
import { StreamedTodo, StreamedTodos } from './streamed.js'

interface Row {
  readonly id: number
  readonly list_id: number
  readonly title: string
  readonly done: boolean
}

/** What jQuery is to Backbone: a request, and two ways to be answered. */
interface Ajax {
  readonly type: string
  readonly url: string
  readonly data?: string
  readonly headers?: Readonly<Record<string, string>>
  success(reply: unknown): void
  error(reply: object): void
}

const row = (id: number, title: string): Row => ({ id, list_id: 1, title, done: false })

function scene(rows: readonly Row[]) {
  const sent: Ajax[] = []
  Backbone.ajax = (request: unknown) => {
    sent.push(request as Ajax) // what Backbone hands to jQuery
    return {} as JQueryXHR
  }
  const todos = new StreamedTodos(1, StreamedTodo)
  let tell: (message: unknown) => void = () => {}
  const client = {
    subscribe(_channel: string, listener: (message: unknown) => void) {
      tell = listener
      return Promise.resolve()
    },
  }
  const extension = new PositionExtension({})
  new FayeSubscriber(todos, { client, extension, channel: 'list/1/todos' })
  todos.reset([...rows])
  return { todos, sent, extension, tell: (message: unknown) => tell(message) }
}

const at = (todos: { get(id: number): Todo }, id: number): Todo => todos.get(id) ?? expect.fail(`no ${id}`)

afterEach(() => vi.unstubAllGlobals())

describe('the subscriber', () => {
  test('applies create, update and destroy, and each of them again', () => {
    const { todos, tell } = scene([row(1, 'one')])
    const events: string[] = []
    todos.on('add change remove reset', (model: Todo) => events.push(`${model.id} ${model.get('title')}`))
    for (let twice = 0; twice < 2; twice++) tell({ create: { 17: row(17, 'Buy some tasty kale juice') } })
    for (let twice = 0; twice < 2; twice++) tell({ update: { 17: { title: 'Buy juice' } } })
    expect(todos.pluck('title')).toEqual(['one', 'Buy juice'])
    for (let twice = 0; twice < 2; twice++) tell({ destroy: { 17: {} } })
    tell({ update: { 17: { title: 'gone' } } })
    tell({})
    expect(events).toEqual(['17 Buy some tasty kale juice', '17 Buy juice', '17 Buy juice'])
  })

  test('a new row is one request, and comes into the collection by the stream alone', () => {
    const { todos, sent, tell } = scene([])
    todos.create({ list_id: 1, title: 'new', done: false })
    expect(sent.map(({ type, url }) => `${type} ${url}`)).toEqual(['POST /api/lists/1/todos'])
    tell({ create: { 5: row(5, 'new') } })
    sent[0]?.success(row(5, 'new'))
    expect(todos.toJSON()).toEqual([row(5, 'new')])
  })

  test('G3: a new row whose answer was lost is sent again as the same request, another one as its own', () => {
    const { todos, sent } = scene([])
    const model = todos.create({ list_id: 1, title: 'new', done: false })
    sent[0]?.error({ status: 0 })
    todos.create(model)
    todos.create({ list_id: 1, title: 'new', done: false })
    const [first, again, other] = sent.map(({ headers }) => headers?.['Idempotency-Key'] ?? '')
    expect(first).toMatch(/^\d+(-\d+){3}$/)
    expect(again).toBe(first)
    expect(other).not.toBe(first)
    expect(sent.map(({ data }) => data)).toEqual(Array(3).fill(sent[0]?.data))
  })

  test('a refused row says `invalid` and `error` on the collection', () => {
    const { todos, sent } = scene([row(1, 'one')])
    const said: string[] = []
    todos.on('all', (event: string) => said.push(event))
    todos.create({ list_id: 1, title: 'no', done: false })
    sent[0]?.error({ status: 422, responseJSON: { error: { message: 'No.' } } })
    expect(said).toEqual(['invalid', 'error'])
    at(todos, 1).save({ title: 'no' }, { patch: true })
    sent[1]?.error({ status: 422, responseJSON: { error: { message: 'No.' } } })
    expect(todos.pluck('title')).toEqual(['one'])
  })

  test('after a reset the rows are fetched, asked for again while the server is away, and messages wait', async () => {
    const { todos, extension, tell } = scene([row(1, 'one'), row(2, 'two')])
    vi.useFakeTimers()
    const replies = [
      () => Promise.reject(new Error('away')),
      () => Promise.resolve(new Response('', { status: 503 })),
      () =>
        Promise.resolve(
          Response.json({
            collections: {
              todos: {
                columns: ['id', 'list_id', 'title', 'done'],
                rows: [
                  [2, 1, 'zwei', false],
                  [3, 1, 'three', true],
                ],
              },
            },
          }),
        ),
    ]
    const asked: string[] = []
    vi.stubGlobal('fetch', (address: string) => {
      asked.push(address)
      return replies.shift()?.()
    })
    extension.resets.get('/sync/list/1/todos')?.()
    tell({ update: { 3: { title: 'drei' } } })
    tell({ destroy: { 2: {} } })
    expect(todos.pluck('title')).toEqual(['one', 'two'])
    await vi.advanceTimersByTimeAsync(5_000)
    vi.useRealTimers()
    expect(asked).toEqual(Array(3).fill('/lockstep/snapshot/list/1'))
    expect(todos.pluck('title')).toEqual(['drei'])
  })

  test('G1: whatever comes first, replies or messages, late, lost or twice, the models end as the rows are', () => {
    const id = fc.integer({ min: 1, max: 4 })
    const title = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      fc.record({ do: fc.constant('save' as const), id, title }),
      fc.record({ do: fc.constant('create' as const) }),
      fc.record({ do: fc.constant('destroy' as const), id }),
      fc.record({ do: fc.constant('other' as const), id, title }),
      // The server takes the oldest request that it has not seen: says yes, says no, or the reply gets lost.
      fc.record({ do: fc.constant('serve' as const), how: fc.constantFrom('yes', 'no', 'lost') }),
      fc.record({ do: fc.constant('reply' as const), nth: fc.nat(3) }),
      fc.record({ do: fc.constant('message' as const) }),
      fc.record({ do: fc.constant('again' as const), back: fc.integer({ min: 1, max: 3 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { size: 'max', maxLength: 60 }), (steps) => {
        const rows = new Map([1, 2, 3].map((id) => [id, row(id, `row ${id}`)]))
        const { todos, sent, tell } = scene([...rows.values()])
        const stream: object[] = []
        const replies: (() => void)[] = []
        let [seen, told, nextId] = [0, 0, 4]
        const write = (id: number, title: string): void => {
          const old = rows.get(id)
          if (old === undefined || old.title === title) return
          rows.set(id, { ...old, title })
          stream.push({ update: { [id]: { title } } })
        }
        const serve = (how: string): void => {
          const request = sent[seen]
          if (request === undefined) return
          seen++
          const id = Number(request.url.split('/')[5])
          if (how !== 'no' && request.type === 'POST') {
            const made = row(nextId++, 'made')
            rows.set(made.id, made)
            stream.push({ create: { [made.id]: made } })
          } else if (how !== 'no' && request.type === 'DELETE' && rows.delete(id)) {
            stream.push({ destroy: { [id]: {} } })
          } else if (how !== 'no' && request.type === 'PATCH') write(id, JSON.parse(request.data ?? '').title)
          const reply = rows.get(id)
          if (how === 'yes') replies.push(() => request.success(reply))
          else replies.push(() => request.error({ status: how === 'no' ? 422 : 0 }))
        }
        const next = (): void => {
          if (told < stream.length) tell(stream[told++])
        }
        for (const what of steps) {
          if (what.do === 'save') todos.get(what.id)?.save({ title: what.title }, { patch: true })
          else if (what.do === 'create') todos.create({ list_id: 1, title: 'made', done: false })
          else if (what.do === 'destroy') todos.get(what.id)?.destroy()
          else if (what.do === 'other') write(what.id, what.title)
          else if (what.do === 'serve') serve(what.how)
          else if (what.do === 'reply') replies.splice(what.nth, 1)[0]?.()
          else if (what.do === 'message') next()
          // A client that goes on from an earlier position is told everything since again.
          else told = Math.max(0, told - what.back)
        }
        while (seen < sent.length) serve('yes')
        while (told < stream.length) next()
        for (const reply of replies) reply()
        expect(todos.toJSON()).toEqual([...rows.values()].sort((a, b) => a.id - b.id))
      }),
      { numRuns: 500, seed: 3 },
    )
  })
})
