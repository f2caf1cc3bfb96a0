import type { Fallback } from '../transport.ts'

export type CarrierName = 'websocket' | Fallback['carrier']

/** Tries that may bring nothing before another carrier's turn. */
export const triesMax: Readonly<Record<CarrierName, number>> = {
  websocket: 2,
  'event-stream': 1,
  'long-polling': 1,
}
/** How long a try may bring nothing. */
export const firstWordMs = 4_000
/** A stream in which nothing came for this long, although the server beats, is being held back. */
export const silenceMs = 20_000
/** How long after the first move to a fallback a WebSocket is tried again beside it; doubles each time. */
export const probeFirstMs = 10_000
export const probeMaxMs = 900_000

/** What is remembered from one connection to the next. */
export interface Memory {
  /** Whose turn it is. */
  readonly carrier: CarrierName
  /** Its tries in a row that brought nothing. */
  readonly failures: number
  /** When to try a WebSocket beside a fallback; grows with `probeMs`. */
  readonly probeAt: number
  readonly probeMs: number
}

const next: Readonly<Record<CarrierName, CarrierName>> = {
  websocket: 'event-stream',
  'event-stream': 'long-polling',
  'long-polling': 'websocket',
}

/** After two WebSockets that brought nothing. */
export function firstMemory(now: number): Memory {
  return fallBack({ carrier: 'websocket', failures: 0, probeAt: 0, probeMs: probeFirstMs / 2 }, now)
}

/** The try brought a message. */
export function proved(memory: Memory): Memory {
  if (memory.carrier !== 'websocket') return { ...memory, failures: 0 }
  return { ...memory, failures: 0, probeMs: probeFirstMs / 2 }
}

/** The try brought nothing, or went silent. */
export function failed(memory: Memory, now: number): Memory {
  const failures = memory.failures + 1
  if (failures < triesMax[memory.carrier]) return { ...memory, failures }
  return fallBack(memory, now)
}

/** A WebSocket beside the fallback did not work either. */
export function probeFailed(memory: Memory, now: number): Memory {
  const probeMs = Math.min(probeMaxMs, memory.probeMs * 2)
  return { ...memory, probeMs, probeAt: now + probeMs }
}

/** It did: the next connection is a WebSocket. */
export function probeSucceeded(memory: Memory): Memory {
  return { ...memory, carrier: 'websocket', failures: 0 }
}

export function reasonOf(carrier: Fallback['carrier']): string {
  return carrier === 'event-stream'
    ? 'No WebSocket came through.'
    : 'Neither a WebSocket nor an event stream came through.'
}

/** Where nothing works it is the network or the server, and the round begins anew. */
function fallBack(memory: Memory, now: number): Memory {
  const moved = { ...memory, carrier: next[memory.carrier], failures: 0 }
  return memory.carrier === 'websocket' ? probeFailed(moved, now) : moved
}
