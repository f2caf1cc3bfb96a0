// @vitest-environment happy-dom
import { act, StrictMode } from 'react'
import { hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, expect, test, vi } from 'vitest'
import { stage } from '../../test/stage.ts'
import { type Client, createClient } from '../index.ts'
import { locksOf } from '../locks/index.ts'
import { presenceOf } from '../presence/index.ts'
import { LockstepProvider, useChannel, useStatus } from './index.ts'
import { useLock, useLocks } from './locks.ts'
import { usePresence } from './presence.ts'

// React's switch for `act`, which it declares nowhere.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let root: Root | undefined
afterEach(() => {
  act(() => root?.unmount())
  root = undefined
  vi.restoreAllMocks()
})

function Item() {
  const channel = useChannel('a')
  const { holder } = useLock(channel, 'items/1')
  return (
    <p>
      {holder?.session ?? 'free'}, {useLocks(channel).size} locked, {usePresence(channel).size} here,{' '}
      {useStatus().state}
    </p>
  )
}

const app = (client: Client) => (
  <StrictMode>
    <LockstepProvider client={client}>
      <Item />
    </LockstepProvider>
  </StrictMode>
)

test('K1, N1: locks and people that came before React did are no mismatch, and show after it', async () => {
  const { server, runtime, connect } = stage()
  const page = server.page(['a'])
  const options = { runtime, transport: server.transport }
  const element = document.createElement('div')
  element.innerHTML = renderToString(app(createClient({ page }, { ...options, connect: false })))
  expect(element.textContent).toBe('free, 0 locked, 0 here, connecting')

  const client = createClient({ page }, options)
  locksOf(client, 'a', { runtime })
  presenceOf(client, 'a', { runtime })
  connect()
  const someone = { session: 's9', by: null, at: 1 }
  const lock = { ...someone, resource: 'items/1', doing: 'editing', token: 5 }
  server.connection.push({ type: 'locks', channel: 'a', taken: [lock], freed: [] })
  server.connection.push({
    type: 'connected_users',
    channel: 'a',
    users: [{ ...someone, state: null }],
    more: 0,
  })
  server.connection.arrive()
  expect([locksOf(client, 'a').all().size, presenceOf(client, 'a').all().size]).toEqual([1, 1])

  const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
  const mismatches: unknown[] = []
  await act(async () => {
    root = hydrateRoot(element, app(client), { onRecoverableError: (error) => mismatches.push(error) })
  })
  expect(mismatches).toEqual([])
  expect(complaints).not.toHaveBeenCalled()
  expect(element.textContent).toBe('s9, 1 locked, 1 here, live')
})
