// @vitest-environment happy-dom
import { act, Suspense, startTransition, use, useDeferredValue, useState } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Item, type Stage, type Sync, stage } from '../../test/stage.ts'
import type { Client } from '../index.ts'
import { LockstepProvider, useChannel, useCollection, useRow } from './index.ts'

// React's switch for `act`, which it declares nowhere.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let at: Stage
let client: Client<Sync>
let root: Root
let element: HTMLElement
/** Each text that a render of `Page` made, kept or thrown away. */
let shown: string[]
let go: (until: Promise<void>) => void
let renders: number
beforeEach(() => {
  shown = []
  renders = 0
  at = stage()
  client = at.live()
  element = document.createElement('div')
  root = createRoot(element)
})
afterEach(() => act(() => root.unmount()))

/** Both items get the same title in one commit. */
const both = (title: string) => ({ a: { items: { update: { 1: { title }, 2: { title } } } } })

function Row({ id }: { id: number }) {
  return <i>{useRow(useChannel<Sync>('a').items, id)?.title} </i>
}

function Wait({ until }: { until: Promise<void> | undefined }) {
  if (until !== undefined) use(until)
  return until === undefined ? 'before' : 'after'
}

const titles = (rows: readonly Item[]): string => rows.map(({ title }) => title).join()

function Page() {
  const [until, setUntil] = useState<Promise<void>>()
  go = (promise) => startTransition(() => setUntil(promise))
  const rows = useCollection(useChannel<Sync>('a').items)
  const late = useDeferredValue(rows)
  shown.push(titles(rows), titles(late))
  return (
    <>
      <Row id={1} />
      <Row id={2} />
      <Suspense fallback="waiting">
        <Wait until={until} />
      </Suspense>
      {` ${titles(late)}`}
    </>
  )
}

function Titles() {
  renders++
  const sorted = useCollection(useChannel<Sync>('a').items, {
    filter: ({ title }) => title !== 'two',
    sort: (a, b) => a.title.localeCompare(b.title),
  })
  return sorted.map(({ title }) => title)
}

test('G5: no commit shows in halves while a transition is suspended and changes stream in', async () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  await act(async () =>
    root.render(
      <LockstepProvider client={client}>
        <Page />
      </LockstepProvider>,
    ),
  )
  await act(async () => go(opened))
  for (let i = 0; i < 30; i++) {
    await act(async () => {
      at.server.commit(both(`v${i}`))
      at.server.connection.arrive()
    })
    expect(element.textContent).toBe(`v${i} v${i} before v${i},v${i}`)
  }
  await act(async () => open())
  expect(element.textContent).toBe('v29 v29 after v29,v29')
  const whole = shown.filter((text) => text === 'one,two' || /^(v\d+),\1$/.test(text))
  expect(whole).toEqual(shown)
})

test('another channel, another collection and an unchanged row render nothing again', async () => {
  await act(async () =>
    root.render(
      <LockstepProvider client={client}>
        <Titles />
      </LockstepProvider>,
    ),
  )
  client.channel('b')
  await act(async () => at.server.connection.arrive())
  for (const changes of [
    { b: { items: { create: { 1: { id: 1, title: 'another' } } } } },
    { a: { tasks: { create: { 1: { id: 1, hours: 3 } } } } },
    { a: { items: { update: { 1: { title: 'one' } } } } },
    { a: { items: { create: { 3: { id: 3, title: 'two' } } } } },
  ]) {
    await act(async () => {
      at.server.commit(changes)
      at.server.connection.arrive()
    })
  }
  expect([element.textContent, renders]).toEqual(['one', 1])
})
