import type { Limits } from '@lockstep/server'
import type { Posting, Rooms } from '../bank/books.ts'
import type { RequestFate } from '../network/line.ts'
import type { Way } from '../network/pipe.ts'
import type { SocketBounds } from '../network/socket.ts'

/** Everything that happens to a system, as plain data: the same schedule gives the same run. */
export interface Schedule {
  readonly seed: number
  readonly setting: Setting
  /** In order of their times. */
  readonly steps: readonly Step[]
  /** From here on nothing is broken, and what was is mended; virtual ms. */
  readonly quietAt: number
  readonly endAt: number
}

export interface Setting {
  readonly rooms: Rooms
  readonly people: readonly Someone[]
  /** `<user> <room>` to what the user is there at first; `member` where nothing stands. */
  readonly rights: Readonly<Record<string, Audience>>
  readonly limits: Limits
  readonly bounds: SocketBounds
  /** How long the application takes to say what somebody may see, at most, in ms. */
  readonly authorizeMs: number
  /** `max_slot_wal_keep_size`, in bytes. Default: no bound. */
  readonly walKeepBytesMax?: number
  /** Of a bus over a network. Default: the embedded one. */
  readonly bus?: BusPace
}

/** What a bus takes its time for, in ms, at most each. */
export interface BusPace {
  /** An append on its way there, and its promise on the way back. */
  readonly appendMs: number
  /** Until an entry comes to the readers. */
  readonly deliverMs: number
  /** Entries come at multiples of this only; 0: whenever they are there. */
  readonly burstMs: number
}

export interface Someone {
  readonly name: string
  readonly user: string
  readonly rooms: readonly string[]
  readonly up: Way
  readonly down: Way
  /** By how much their clock is wrong, in ms. */
  readonly clockMs: number
}

export type Audience = 'member' | 'guest' | false

export type Direction = 'up' | 'down' | 'both'

/** One thing that somebody does, or that goes wrong. */
export type Step = { readonly at: number } & (
  | { readonly kind: 'post'; readonly posting: Posting }
  | { readonly kind: 'count'; readonly of: string; readonly room: string }
  | { readonly kind: 'write'; readonly of: string; readonly room: string; readonly posting: Posting }
  | { readonly kind: 'subscribe' | 'leave'; readonly of: string; readonly room: string }
  | LockStep
  | { readonly kind: 'unlock'; readonly of: string; readonly room: string; readonly resource: string }
  | { readonly kind: 'say' | 'broadcast'; readonly of: string; readonly room: string; readonly n: number }
  | { readonly kind: 'load'; readonly of: string; readonly holdMs: number }
  | { readonly kind: 'open' | 'close' | 'kill' | 'wake'; readonly of: string }
  | { readonly kind: 'rights'; readonly user: string; readonly room: string; readonly audience: Audience }
  | FaultStep
)

export interface LockStep {
  readonly kind: 'lock'
  readonly of: string
  readonly room: string
  readonly resource: string
  readonly leaseMs?: number
  readonly waitMs?: number
  readonly ask?: boolean
  /** What it answers when somebody asks for it. */
  readonly yields: boolean
}

export type FaultStep =
  | { readonly kind: 'cut'; readonly of: string }
  /** The connections of now are dead, in a direction or in both, and nobody is told. */
  | { readonly kind: 'half-open'; readonly of: string; readonly direction: Direction }
  /** No packet comes through for so long. */
  | { readonly kind: 'partition'; readonly of: string; readonly direction: Direction; readonly ms: number }
  | { readonly kind: 'offline'; readonly of: string; readonly ms: number }
  /** What is sent arrives after so long. */
  | { readonly kind: 'hold'; readonly of: string; readonly direction: 'up' | 'down'; readonly ms: number }
  /** Reads so many bytes per ms. */
  | { readonly kind: 'slow'; readonly of: string; readonly rate: number; readonly ms: number }
  | { readonly kind: 'sleep'; readonly of: string; readonly ms: number }
  | { readonly kind: 'request'; readonly of: string; readonly fate: RequestFate }
  /** `of`: somebody, or `node`. */
  | { readonly kind: 'clock'; readonly of: string; readonly ms: number }
  | { readonly kind: 'stop'; readonly of: 'node'; readonly ms: number }
  | { readonly kind: 'crash' | 'restart'; readonly of: 'node'; readonly downMs: number }
  /** The application cannot say what somebody may see. */
  | { readonly kind: 'authorize-fails'; readonly of: 'node'; readonly ms: number }
  | { readonly kind: 'postgres-crash'; readonly of: 'postgres'; readonly downMs: number }
  | { readonly kind: 'slot-lost'; readonly of: 'postgres' }
  /** Another database of the same cluster writes so much: a slot that keeps more WAL than it may is invalidated. */
  | { readonly kind: 'flood'; readonly of: 'postgres'; readonly bytes: number }
  /** The bus refuses everything, or begins anew without what it had not promised. */
  | { readonly kind: 'bus-away' | 'bus-restart'; readonly of: 'bus'; readonly ms: number }
  /** For `ms`, an append takes `byMs` longer. */
  | { readonly kind: 'bus-slow'; readonly of: 'bus'; readonly ms: number; readonly byMs: number }
  | { readonly kind: 'stall'; readonly of: 'postgres'; readonly ms: number }
  | { readonly kind: 'slow-visibility'; readonly of: 'postgres'; readonly ms: number }
  | { readonly kind: 'add-column'; readonly of: 'postgres'; readonly table: string; readonly column: string }
  | { readonly kind: 'truncate'; readonly of: 'postgres'; readonly table: 'entries' | 'counters' }
