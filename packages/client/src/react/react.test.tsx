// @vitest-environment happy-dom
import { act, type ReactNode, StrictMode } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ScriptedServer } from '../../test/scripted-server.ts'
import { VirtualRuntime } from '../../test/virtual-runtime.ts'
import { type Client, type ClientOptions, createClient } from '../index.ts'
import {
  LockstepProvider,
  useChannel,
  useChannelStatus,
  useCollection,
  useOperation,
  usePendingWrites,
  useRow,
  useStatus,
} from './index.ts'

interface Item {
  readonly id: number
  readonly title: string
}
interface Sync {
  readonly $rows?: { readonly items: Item }
}

// React's switch for `act`, which it declares nowhere.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let server: ScriptedServer
let runtime: VirtualRuntime
let root: Root | undefined
let element: HTMLElement
let renders: Record<string, number>
let heard: unknown[]
const count = (name: string): void => {
  renders[name] = (renders[name] ?? 0) + 1
}

beforeEach(() => {
  server = new ScriptedServer()
  runtime = new VirtualRuntime()
  runtime.respond = server.respond
  server.commit({ a: { items: { create: { 1: { id: 1, title: 'one' }, 2: { id: 2, title: 'two' } } } } })
  element = document.createElement('div')
  renders = {}
  heard = []
})
afterEach(() => {
  act(() => root?.unmount())
  root = undefined
})

function client(options: ClientOptions = {}): Client<Sync> {
  return createClient<Sync>(
    { page: server.page(['a']) },
    {
      runtime,
      transport: server.transport,
      onError: (error) => expect.unreachable(String(error)),
      ...options,
    },
  )
}

function connect(): void {
  act(() => {
    server.connection.open()
    server.connection.arrive()
  })
}

function render(of: Client<Sync>, children: ReactNode): void {
  root = createRoot(element)
  act(() => root?.render(<LockstepProvider client={of}>{children}</LockstepProvider>))
}

function Line({ id }: { id: number }) {
  const item = useRow(useChannel<Sync>('a').items, id)
  count(`line ${id}`)
  return <li>{item?.title}</li>
}

function List() {
  const items = useCollection(useChannel<Sync>('a').items, { sort: (a, b) => a.id - b.id })
  count('list')
  return (
    <ul>
      {items.map(({ id }) => (
        <Line key={id} id={id} />
      ))}
    </ul>
  )
}

/** Knows which rows there are, not what is in them. */
function Titles() {
  const ids = useCollection(useChannel<Sync>('a').items, { select: (rows) => rows.map(({ id }) => id) })
  count('titles')
  return ids.map((id) => <Line key={id} id={id} />)
}

function Ones() {
  const found = useCollection(useChannel<Sync>('a').items, { filter: ({ title }) => title.startsWith('o') })
  const number = useCollection(useChannel<Sync>('a').items, { select: (rows) => rows.length })
  count('ones')
  return `${found.map(({ title }) => title)} of ${number}`
}

function State() {
  const channel = useChannel<Sync>('a')
  useOperation(channel, 'items/create', (envelope) => heard.push(envelope))
  return `${useStatus().state} ${useChannelStatus(channel).state} ${usePendingWrites()}`
}

test('renders only the row that changed', () => {
  render(client(), <Titles />)
  expect(element.textContent).toBe('onetwo')
  expect(renders).toEqual({ titles: 1, 'line 1': 1, 'line 2': 1 })
  connect()
  expect(renders).toEqual({ titles: 1, 'line 1': 1, 'line 2': 1 })
  act(() => {
    server.commit({ a: { items: { update: { 2: { title: 'zwei' } } } } })
    server.connection.arrive()
  })
  expect(element.textContent).toBe('onezwei')
  expect(renders).toEqual({ titles: 1, 'line 1': 1, 'line 2': 2 })
  act(() => {
    server.commit({ a: { items: { create: { 3: { id: 3, title: 'drei' } } } } })
    server.connection.arrive()
  })
  expect(element.textContent).toBe('onezweidrei')
  expect(renders).toMatchObject({ titles: 2, 'line 3': 1 })
})

test('a view whose result stays the same does not render again', () => {
  render(client(), <Ones />)
  connect()
  act(() => {
    server.commit({ a: { items: { update: { 2: { title: 'zwei' } } } } })
    server.connection.arrive()
  })
  expect(element.textContent).toBe('one of 2')
  expect(renders).toEqual({ ones: 1 })
  act(() => {
    server.commit({ a: { items: { update: { 1: { title: 'onto' } } } } })
    server.connection.arrive()
  })
  expect(element.textContent).toBe('onto of 2')
  expect(renders).toEqual({ ones: 2 })
})

test('StrictMode mounts twice and subscribes once; the channel outlives its last user a little', async () => {
  const of = createClient<Sync>(
    { url: 'http://server/lockstep', session: { id: 's0', token: 't0' } },
    { runtime, transport: server.transport },
  )
  render(
    of,
    <StrictMode>
      <List />
    </StrictMode>,
  )
  connect()
  expect(element.textContent).toBe('onetwo')
  const requests = () => server.connection.received.map(({ type }) => type)
  expect(requests()).toEqual(['hello', 'subscribe'])
  act(() => root?.unmount())
  await runtime.advance(4_000)
  render(of, <List />)
  await act(() => runtime.advance(4_000))
  expect(requests()).toEqual(['hello', 'subscribe'])
  expect(element.textContent).toBe('onetwo')
  act(() => root?.unmount())
  server.connection.heartbeat()
  server.connection.arrive()
  await runtime.advance(6_000)
  expect(requests()).toEqual(['hello', 'subscribe', 'unsubscribe'])
  expect(of.channel('a', { subscribe: false }).items.size).toBe(0)
})

test('the server renders the rows of the page without a socket or a timer, and hydration equals it', async () => {
  const page = server.page(['a'])
  const options = { runtime, transport: server.transport }
  const onServer = createClient<Sync>({ page }, { ...options, connect: false })
  const app = (of: Client<Sync>) => (
    <LockstepProvider client={of}>
      <List />
    </LockstepProvider>
  )
  element.innerHTML = renderToString(app(onServer))
  expect(element.textContent).toBe('onetwo')
  expect(server.connections).toEqual([])
  expect(runtime.timers).toBe(0)

  // In the browser changes arrive before React does.
  const inBrowser = createClient<Sync>({ page }, options)
  server.commit({
    a: { items: { update: { 1: { title: 'eins' } }, create: { 3: { id: 3, title: 'drei' } } } },
  })
  server.connection.open()
  server.connection.arrive()
  expect(inBrowser.channel('a', { subscribe: false }).items.get(1)?.title).toBe('eins')
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
  const mismatches: unknown[] = []
  await act(async () => {
    root = hydrateRoot(element, app(inBrowser), { onRecoverableError: (error) => mismatches.push(error) })
  })
  expect(mismatches).toEqual([])
  expect(complaints).not.toHaveBeenCalled()
  complaints.mockRestore()
  expect(element.textContent).toBe('einstwodrei')
  expect(server.connection.received.filter(({ type }) => type === 'subscribe')).toHaveLength(1)
})

/** One row of a channel that may not be chosen yet. */
function Chosen({ name, id }: { name: string | undefined; id: number }) {
  const channel = useChannel<Sync>(name)
  useOperation(channel, 'note', (envelope) => heard.push([name, envelope]))
  const { state } = useChannelStatus(channel)
  const size = useCollection(channel?.items, { select: (rows) => rows.length })
  return `${state}: ${useRow(channel?.items, id)?.title ?? 'nothing'} of ${size}`
}

test('channel and key may change, or be none yet: what is left is let go after a while', async () => {
  server.commit({ b: { items: { create: { 2: { id: 2, title: 'zwei' } } } } })
  const of = client()
  const show = (name: string | undefined, id: number): string | null => {
    act(() =>
      root?.render(
        <StrictMode>
          <LockstepProvider client={of}>
            <Chosen name={name} id={id} />
          </LockstepProvider>
        </StrictMode>,
      ),
    )
    act(() => server.connection.arrive())
    return element.textContent
  }
  root = createRoot(element)
  server.connection.open()
  expect(show(undefined, 1)).toBe('idle: nothing of 0')
  expect(show('a', 1)).toBe('live: one of 2')
  expect(show('a', 2)).toBe('live: two of 2')
  expect(show('b', 2)).toBe('live: zwei of 1')
  act(() => {
    for (const channel of ['a', 'b'])
      server.commit(
        { [channel]: {} },
        { operations: { [channel]: [{ operation: 'note', envelope: channel }] } },
      )
    server.connection.arrive()
  })
  expect(heard).toEqual([['b', 'b']])
  expect(show(undefined, 2)).toBe('idle: nothing of 0')
  await act(() => runtime.advance(5_000))
  for (const name of ['a', 'b']) expect(of.channel(name, { subscribe: false }).status.state).toBe('idle')
  expect(runtime.timers).toBe(1)
})

test('a thousand components that come and go leave no channel, listener or timer behind', async () => {
  const of = client()
  connect()
  root = createRoot(element)
  for (let i = 0; i < 1_000; i++) {
    act(() => {
      root?.render(
        <LockstepProvider client={of}>
          <Chosen key={i} name={`c/${i % 100}`} id={i} />
        </LockstepProvider>,
      )
    })
    act(() => server.connection.arrive())
  }
  act(() => root?.render(null))
  await act(() => runtime.advance(5_000))
  server.connection.arrive()
  server.connection.heartbeat()
  server.connection.arrive()
  const left = (type: string): number =>
    server.connection.received.filter((sent) => sent.type === type).length
  // The page's own channel is still there.
  expect(left('subscribe') - left('unsubscribe')).toBe(1)
  expect(runtime.timers).toBe(1)
})

test('status, pending writes and operations show', async () => {
  const of = client()
  render(of, <State />)
  expect(element.textContent).toBe('connecting subscribing 0')
  connect()
  expect(element.textContent).toBe('live live 0')
  let write: Promise<unknown> | undefined
  act(() => {
    write = of.channel('a').items.update(1, { title: 'eins' })
  })
  expect(element.textContent).toBe('live live 1')
  server.commit(
    { a: {} },
    { session: 'other', operations: { a: [{ operation: 'items/create', envelope: 5 }] } },
  )
  await act(async () => {
    await runtime.advance(0)
    server.connection.arrive()
    await write
  })
  expect(element.textContent).toBe('live live 0')
  expect(heard).toEqual([5])
  act(() => server.connection.cut())
  expect(element.textContent).toBe('offline subscribing 0')
})
