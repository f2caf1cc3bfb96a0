// @vitest-environment happy-dom
import type { ServerMessage } from '@lockstep/protocol'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Stage, stage } from '../../test/stage.ts'
import type { Client } from '../index.ts'
import { LockstepProvider, useChannel } from './index.ts'
import { useBroadcast, usePresence } from './presence.ts'

// React's switch for `act`, which it declares nowhere.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let at: Stage
let page: Client
let root: Root | undefined
let element: HTMLElement
let renders = 0
let point: (data: number) => void

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

const pointed: unknown[] = []

function People({ item }: { readonly item: number }) {
  renders++
  const channel = useChannel('a')
  const people = usePresence(channel, { item })
  point = useBroadcast(channel, 'pointer', (data, { session }) => pointed.push([item, session, data]))
  return <p>{[...people.keys()].join()}</p>
}

const app = (item: number) => (
  <LockstepProvider client={page}>
    <People item={item} />
  </LockstepProvider>
)

function say(...messages: ServerMessage[]): void {
  act(() => {
    for (const message of messages) at.server.connection.push(message)
    at.server.connection.arrive()
  })
}

test('N1, N2, N5: usePresence shows who is there, and tells what this page shows', () => {
  expect(renderToString(app(1))).toBe('<p></p>')
  root = createRoot(element)
  act(() => root?.render(app(1)))
  act(() => at.connect())
  const sent = (type: string) => at.server.connection.received.filter((message) => message.type === type)
  expect(sent('presence')).toMatchObject([{ channel: 'a', state: { item: 1 } }])
  const someone = { session: 's9', by: null, state: null, at: 1 }
  say({ type: 'connected_users', channel: 'a', users: [someone], more: 0 })
  expect(element.textContent).toBe('s9')
  const before = renders
  act(() => root?.render(app(1)))
  expect(renders).toBe(before + 1)
  expect(sent('presence')).toHaveLength(1)
  act(() => root?.render(app(2)))
  say({ type: 'broadcast', channel: 'a', session: 's9', event: 'pointer', data: 5 })
  expect(pointed).toEqual([[2, 's9', 5]])
  act(() => point(7))
  expect(sent('broadcast')).toMatchObject([{ event: 'pointer', data: 7 }])
  say({ type: 'presence', channel: 'a', here: [], gone: ['s9'], more: 0 })
  expect(element.textContent).toBe('')
})
