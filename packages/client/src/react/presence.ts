import type { Json } from '@lockstep/protocol'
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { type BroadcastListener, type Person, presenceOf } from '../presence/index.ts'
import type { NamedChannel } from './named-channel.ts'
import { useClient } from './provider.ts'

/** A page comes with rows alone: its first render equals the server's. */
const nobody: ReadonlyMap<string, Person> = new Map()

/**
 * Who is in the channel, by session. With `state`, others are told that of this page, and of each other one after
 * it; states are compared as JSON.
 */
export function usePresence(channel: NamedChannel, state?: Json): ReadonlyMap<string, Person> {
  const client = useClient()
  const { name } = channel
  const presence = useMemo(() => presenceOf(client, name), [client, name])
  const text = state === undefined ? undefined : JSON.stringify(state)
  useEffect(() => {
    if (text !== undefined) presence.set(JSON.parse(text) as Json) // it was made of JSON just above
  }, [presence, text])
  const subscribe = useCallback((listener: () => void) => presence.subscribe(listener), [presence])
  return useSyncExternalStore(
    subscribe,
    () => presence.all(),
    () => nobody,
  )
}

/**
 * Hears what others broadcast while mounted; returns what broadcasts. The listener may be another one at every
 * render.
 */
export function useBroadcast(
  channel: NamedChannel,
  event: string,
  listener: BroadcastListener,
): (data: Json) => void {
  const client = useClient()
  const { name } = channel
  const presence = useMemo(() => presenceOf(client, name), [client, name])
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(() => presence.on(event, (data, from) => latest.current(data, from)), [presence, event])
  return useCallback((data: Json) => presence.broadcast(event, data), [presence, event])
}
