import { type Collection, createClient, webSocketTransport } from '@lockstep/client'
import { collection, defineSync } from '@lockstep/server'
import { type CutProxy, cutProxy, eventually, startTestServer, type TestServer } from '@lockstep/testing'
import Backbone from 'backbone'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { addTodo } from '../docs/examples/idempotence/add-todo.ts'
import { countDone } from '../docs/examples/idempotence/count-done.ts'
import { PatientSubscriber } from '../docs/examples/idempotence/patient-subscriber.js'
import { publishTodo } from '../docs/examples/idempotence/publish-todo.js'
import { sendOnce } from '../docs/examples/idempotence/send-once.js'

const secret = 'a-secret-of-more-than-thirty-two-characters'

interface Todo {
  readonly id: number
  readonly title: string
}

const sync = defineSync({
  channels: { all: { authorize: () => true }, 'sync/todos': { authorize: () => true } },
  collections: {
    todos: collection<Todo>({ table: 'todos', channel: 'all', columns: ['id', 'title', 'done'] }),
    published: collection<Todo>({ external: { id: 'integer', title: 'text' }, channel: 'sync/todos' }),
  },
})

/** The examples of docs/idempotence.md, run. */
describe('docs/idempotence.md', () => {
  let server: TestServer
  let proxy: CutProxy
  let url: string
  /** What the requests that came were told. */
  const answered: (string | null)[] = []

  beforeAll(async () => {
    server = await startTestServer({
      sync,
      schema: `
        CREATE TABLE todos (id serial PRIMARY KEY, title text, done boolean NOT NULL DEFAULT false);
        CREATE TABLE counted (position text, todo text, PRIMARY KEY (position, todo));
        CREATE TABLE totals (done int);
        INSERT INTO totals VALUES (0)`,
      authenticate: () => ({ id: 'alice' }),
      publish: { secret },
      handler: async (request, lockstep) => {
        const reply = await addTodo(lockstep, request)
        answered.push(reply.headers.get('idempotent-replayed'))
        return reply
      },
    })
    proxy = await cutProxy({ targetPort: Number(new URL(server.address).port) })
    url = `http://127.0.0.1:${proxy.port}/todos`
  })

  afterAll(async () => {
    await proxy?.close()
    await server?.close()
  })

  test('G3, W2: what is sent again because its answer was lost is done once, and answered', async () => {
    proxy.cutAfterBytes(10) // of the answer: by then the write has committed
    const reply = await sendOnce(url, { title: 'Buy milk' })
    expect(await reply.json()).toMatchObject({ title: 'Buy milk' })
    expect(answered).toEqual([null, 'true'])
    expect(await server.sql`SELECT title FROM todos`).toHaveLength(1)
  })

  test('W2: a key stands for one request: another one with it is refused', async () => {
    await sendOnce(url, { title: 'Buy bread' }, 'bread')
    const reply = await sendOnce(url, { title: 'Buy butter' }, 'bread')
    expect([reply.status, (await reply.json()).error.code]).toEqual([409, 'key_reused'])
    expect(await server.sql`SELECT FROM todos WHERE title = 'Buy butter'`).toHaveLength(0)
  })

  test('B8: an observer that is called again counts once', async () => {
    const plain = server.sync.observe.bind(server.sync)
    let calls = 0
    const observer = await countDone({
      ...server.sync,
      sql: server.sql,
      // Its first call does all it has to do, and is then lost, as with a process that ends.
      observe: (name, react, options) =>
        plain(
          name,
          async (...told: Parameters<typeof react>) => {
            await react(...told)
            if (++calls === 1) throw new Error('lost')
          },
          options,
        ),
    })
    await server.sql`UPDATE todos SET done = true WHERE title = 'Buy milk'`
    await eventually(() => expect(calls).toBe(2), { timeoutMs: 25_000 })
    expect(await server.sql`SELECT done FROM totals`).toEqual([{ done: 1 }])
    await observer.close()
  })

  test('B4: what is published again with its key is left out', async () => {
    const lockstep = `${server.address}/lockstep`
    const client = createClient<typeof sync>(
      { url: lockstep },
      { transport: server.watch.transport(webSocketTransport(WebSocket)) },
    )
    const rows: Collection<Todo> = client.channel('sync/todos').published
    const heard: unknown[] = []
    rows.subscribe((changes) => heard.push(changes))
    await eventually(() => expect(client.status.state).toBe('live'), { timeoutMs: 25_000 })
    heard.length = 0
    const todo = { id: 17, version: 1, title: 'Buy kale juice' }
    expect(await publishTodo(lockstep, secret, todo)).toMatchObject({ replayed: false })
    expect(await publishTodo(lockstep, secret, todo)).toMatchObject({ replayed: true })
    await server.settled()
    expect(heard).toHaveLength(1)
    expect(rows.get(17)).toMatchObject({ title: 'Buy kale juice' })
    client.close()
  })

  test('Y5: a patient subscriber that is told a part again ends with the same rows', () => {
    const id = fc.integer({ min: 1, max: 2 })
    const message = fc.oneof(
      fc.record({ event: fc.constant('create' as const), id, title: fc.string() }),
      fc.record({ event: fc.constant('update' as const), id, title: fc.string() }),
      fc.record({ event: fc.constant('destroy' as const), id, title: fc.constant('') }),
    )
    fc.assert(
      fc.property(fc.array(message, { minLength: 10, maxLength: 40 }), fc.nat(), fc.nat(), (wanted, a, b) => {
        const rows = new Map<number, string>()
        // Only what can happen: a row is created when it is not there, and changed while it is.
        const happened = wanted.flatMap(({ event, id, title }) => {
          if ((event === 'create') === rows.has(id)) return []
          if (event === 'destroy') rows.delete(id)
          else rows.set(id, title)
          return [{ [event]: { [id]: event === 'destroy' ? {} : { id, title } } }]
        })
        const todos = new Backbone.Collection()
        const subscriber = new PatientSubscriber({ subscribe: () => {} }, todos, '/sync/todos')
        const until = happened.length === 0 ? 0 : a % (happened.length + 1)
        const again = until === 0 ? 0 : b % (until + 1)
        for (const one of [...happened.slice(0, until), ...happened.slice(again)]) subscriber.receive(one)
        const held = todos.map((todo) => [todo.get('id'), todo.get('title')] as const)
        expect(new Map(held)).toEqual(rows)
      }),
    )
  })
})
