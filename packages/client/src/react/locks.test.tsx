// @vitest-environment happy-dom
import type { LockState, ServerMessage } from '@lockstep/protocol'
import { act, StrictMode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import type { Client } from '../index.ts'
import { LockstepProvider, useChannel } from './index.ts'
import { type LockView, useLock, useLocks } from './locks.ts'

// React's switch for `act`, which it declares nowhere.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let at: Stage
let page: Client
let root: Root | undefined
let element: HTMLElement
let view: LockView
let renders = 0

beforeEach(() => {
  at = stage()
  page = at.client('page') as unknown as Client // its row types do not matter here
  element = document.createElement('div')
  renders = 0
})
afterEach(() => {
  act(() => root?.unmount())
  root = undefined
})

function Item({ id }: { readonly id: number }) {
  renders++
  const channel = useChannel('a')
  view = useLock(channel, `items/${id}`, { doing: 'editing' })
  const locks = useLocks(channel)
  return (
    <p>
      {view.holder === undefined ? 'free' : `${view.holder.session} is ${view.holder.doing}`},{' '}
      {view.phase ?? 'idle'}, {locks.size} locked
    </p>
  )
}

function App({ id = 17 }: { readonly id?: number }) {
  return (
    <LockstepProvider client={page}>
      <Item id={id} />
    </LockstepProvider>
  )
}

function show(app = <App />): void {
  root ??= createRoot(element)
  act(() => root?.render(app))
}

function say(...messages: ServerMessage[]): Promise<void> {
  return act(async () => {
    for (const message of messages) at.server.connection.push(message)
    at.server.connection.arrive()
  })
}

const state = (session: string): LockState => ({
  resource: 'items/17',
  session,
  by: null,
  doing: 'editing',
  token: 5,
  at: 1,
})
const sent = (): { type: string; id: number }[] =>
  at.server.connection.received.flatMap((message) =>
    'id' in message ? [{ type: message.type, id: message.id }] : [],
  )
const locked = (): ServerMessage => ({
  type: 'locked',
  id: sent().findLast(({ type }) => type === 'lock')?.id ?? 0,
  channel: 'a',
  resource: 'items/17',
  token: 5,
})

test('K1: useLock and useLocks show who holds what, and render again only when that changes', async () => {
  expect(renderToString(<App />)).toContain('free')
  show()
  act(() => at.connect())
  await say({ type: 'locks', channel: 'a', taken: [state('s9')], freed: [] })
  expect(element.textContent).toBe('s9 is editing, idle, 1 locked')
  const before = renders
  await say(
    { type: 'locks', channel: 'b', taken: [], freed: ['items/17'] },
    { type: 'heartbeat', position: 'e1.17' },
  )
  expect(renders).toBe(before)
  await say({ type: 'locks', channel: 'a', taken: [], freed: ['items/17'] })
  expect(element.textContent).toBe('free, idle, 0 locked')
})

test('K2: useLock takes the lock, and lets it go when the component goes', async () => {
  show()
  act(() => at.connect())
  let got: Promise<boolean> | undefined
  act(() => {
    got = view.acquire()
  })
  expect(view.phase).toBe('waiting')
  await say(locked())
  expect(await got).toBe(true)
  await say({ type: 'locks', channel: 'a', taken: [state('s0')], freed: [] })
  expect(view).toMatchObject({ phase: 'held', token: 5, holder: { isOwn: true } })
  expect(await view.acquire()).toBe(true)
  act(() => root?.render(<p />))
  expect(sent().at(-1)?.type).toBe('unlock')
})

test('K2: a refusal and a release show', async () => {
  show()
  act(() => at.connect())
  let got: Promise<boolean> | undefined
  act(() => {
    got = view.acquire()
  })
  const { id } = { ...locked(), id: sent().at(-1)?.id ?? 0 }
  const error = { code: 'lock_held', message: 'No.', retryable: false }
  await say({ type: 'error', id, channel: 'a', error })
  expect(await got).toBe(false)
  expect(view.phase).toBe('lost')
  act(() => {
    got = view.acquire({ waitMs: 1_000 })
  })
  await act(async () => view.release())
  expect(await got).toBe(false)
  expect(view.phase).toBeUndefined()
  expect(sent().at(-1)?.type).toBe('unlock')
})

test('K6: a question shows until it is answered', async () => {
  show(
    <StrictMode>
      <App />
    </StrictMode>,
  )
  act(() => at.connect())
  act(() => void view.acquire())
  await say(locked())
  await say({
    type: 'asked',
    channel: 'a',
    resource: 'items/17',
    session: 's9',
    by: 'Alice',
    doing: '',
    waitMs: 5,
  })
  expect(view.question).toMatchObject({ session: 's9', by: 'Alice' })
  act(() => view.question?.answer(true))
  expect(view).toMatchObject({ phase: 'released', question: undefined })
})

test('K8: another item is another lock, and the first is let go', async () => {
  show()
  act(() => at.connect())
  act(() => void view.acquire())
  await say(locked())
  show(<App id={18} />)
  expect(sent().at(-1)?.type).toBe('unlock')
  expect(view.phase).toBeUndefined()
})
