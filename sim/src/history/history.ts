/**
 * What happened in a run, in the order in which it was seen, as plain data: simulation and real processes write the
 * same, and the checkers of the promises read it from front to back. `at` is in ms since the run began.
 *
 * A commit comes before everything that shows it. Where commits are only known afterwards (a real database whose
 * journal is read at the end), they all come first.
 */
export type HistoryEvent =
  | Begin
  | Page
  | Commit
  | Rights
  | Subscribing
  | Shown
  | Cleared
  | Told
  | PositionTold
  | Heard
  | OperationHeard
  | WriteBegun
  | WriteEnded
  | LockEvent
  | PresenceShown
  | Sent
  | Measured
  | Fault
  | Broken
  | Final

/** Rooms with their accounts before the first commit; every room begins at version 0. */
export interface Begin {
  readonly kind: 'begin'
  readonly at: number
  readonly rooms: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** User of each client. */
  readonly clients: Readonly<Record<string, string>>
}

/**
 * A page of a client: `opened` begins one, with nothing shown and nothing pending; `session`: it goes on as another
 * session; `closed`: it is gone for good, and its session with it. A client has one page at a time. `opened` comes
 * before what the page shows of what was rendered into it.
 */
export interface Page {
  readonly kind: 'page'
  readonly at: number
  readonly client: string
  readonly what: 'opened' | 'session' | 'closed'
  readonly session: string
}

/** One commit, in commit order of each room that it touched. */
export interface Commit {
  readonly kind: 'commit'
  readonly at: number
  /** Unique. */
  readonly commit: string
  /** Key of the write that made it; none for those that came from beside the application. */
  readonly write?: string
  /** What the client calls the request, whatever key it was sent under. */
  readonly request?: string
  /** Session that wrote. */
  readonly session?: string
  /** Room to its new version, and what became of its accounts (null: gone from the room). */
  readonly rooms: Readonly<
    Record<string, { readonly version: number; readonly accounts: Readonly<Record<string, number | null>> }>
  >
  /** Counter that it raised. */
  readonly counter?: { readonly id: string; readonly room: string; readonly n: number }
  /** Operation `bank/note` told in these of its rooms with envelope `{n}`; `n` rises over all commits of a room. */
  readonly operation?: { readonly n: number; readonly rooms: readonly string[] }
  /** This table was truncated: such a commit touches no room, and leaves their versions as they are. */
  readonly truncated?: 'entries' | 'counters'
}

/** From now on the application decides so. `settled`: every server has taken it in (its `reauthorize` has answered). */
export interface Rights {
  readonly kind: 'rights'
  readonly at: number
  readonly user: string
  readonly room: string
  readonly audience: 'member' | 'guest' | false
  readonly settled: boolean
}

/**
 * A client asked for a room (with the position that it goes on from, if any), was granted it, left it, or lost the
 * subscription: with the connection, with the right, or because it was refused.
 */
export interface Subscribing {
  readonly kind: 'subscription'
  readonly at: number
  readonly client: string
  readonly room: string
  readonly what: 'asked' | 'granted' | 'left' | 'ended'
  readonly epoch?: string
  readonly lsn?: number
}

/**
 * What a client shows of a room after it has told its listeners of a change. Where a change touched several rooms, their
 * events follow each other.
 */
export interface Shown {
  readonly kind: 'shown'
  readonly at: number
  readonly client: string
  readonly room: string
  readonly version: number
  /** Account id to balance. */
  readonly accounts: Readonly<Record<string, number>>
  /** Ids of the commits in `entries`, by version. */
  readonly entries: readonly string[]
  /** Memos as shown; empty for a guest. */
  readonly memos: readonly string[]
  /** Counter id to n, optimistic writes included. */
  readonly counters: Readonly<Record<string, number>>
  /** Whether the client is live in all its rooms now, so that they must agree with each other. */
  readonly live: boolean
}

/** The client shows nothing of a room any more. */
export interface Cleared {
  readonly kind: 'cleared'
  readonly at: number
  readonly client: string
  readonly room: string
}

/** The application on a client was told how it stands: of its connection (no room; `Status`) or of a room. */
export interface Told {
  readonly kind: 'told'
  readonly at: number
  readonly client: string
  readonly room?: string
  /** `live`, `subscribing`, `revoked`, `refused`, `connecting`, `closed`, ... */
  readonly state: string
  /** Why, where a reset or refusal has a reason. */
  readonly reason?: string
}

/**
 * A message with a position came in at a client, of a subscription that was granted; a heartbeat once for each room that
 * is live. A reset has no position of its own: its epoch is empty, its LSN 0.
 */
export interface PositionTold {
  readonly kind: 'position'
  readonly at: number
  readonly client: string
  readonly room: string
  readonly type: 'transaction' | 'snapshot' | 'live' | 'reset' | 'heartbeat'
  readonly epoch: string
  readonly lsn: number
  /** LSN of the message before, of transactions. */
  readonly prev?: number
  /** Of a reset. */
  readonly reason?: string
}

/** Any other message came in at a client: the connection lives. */
export interface Heard {
  readonly kind: 'heard'
  readonly at: number
  readonly client: string
  readonly type: string
}

export interface OperationHeard {
  readonly kind: 'operation'
  readonly at: number
  readonly client: string
  readonly room: string
  readonly n: number
  /** Session of the client at that moment. */
  readonly session: string
}

/** A client raises a counter by one. Comes before the `shown` with the optimistic effect. */
export interface WriteBegun {
  readonly kind: 'write'
  readonly at: number
  readonly client: string
  /** Idempotency key, or another name that the commit has too. */
  readonly write: string
  readonly room: string
  readonly counter: string
  /** What it shows of the counter from now on; left out where it shows no such counter. */
  readonly n?: number
}

/** The promise of a write has ended: `done`, or the code of the error. */
export interface WriteEnded {
  readonly kind: 'written'
  readonly at: number
  readonly client: string
  readonly write: string
  readonly outcome: string
  /** What the client shows of the counter at that moment, where it shows the room. */
  readonly n?: number
}

/**
 * `granted`: a server gave the lock (in the order of the servers' own time); `held`: the client was told that it has it;
 * `let-go`: the client asked to release it, or was told that it lost it; `freed`: a server let it go.
 */
export interface LockEvent {
  readonly kind: 'lock'
  readonly at: number
  readonly what: 'granted' | 'held' | 'let-go' | 'freed'
  readonly room: string
  readonly resource: string
  readonly session: string
  readonly token: number
  /** Of `let-go`: that the client was told that it lost a lock that has no lease. */
  readonly lost?: boolean
}

/** Which sessions a client shows as present in a room. */
export interface PresenceShown {
  readonly kind: 'presence'
  readonly at: number
  readonly client: string
  readonly room: string
  readonly sessions: readonly string[]
}

/**
 * Bytes left a server process for a session, with content of a room: rows, operations, locks, presence. What only names
 * it (`error`, `revoked`, `subscribed`) has none.
 */
export interface Sent {
  readonly kind: 'sent'
  readonly at: number
  readonly user: string
  readonly session: string
  readonly room: string
  readonly withMemo: boolean
}

/** A queue of a server or client, against its bound. */
export interface Measured {
  readonly kind: 'measured'
  readonly at: number
  readonly where: string
  readonly what: string
  readonly unit: 'bytes' | 'entries'
  readonly size: number
  readonly bound: number
}

/**
 * Something was broken on purpose; stories show it. Checkers know `crash` of a node (its locks are gone), `clock` of a
 * node (tokens may fall at its next crash), `stall` and `postgres-crash` (what was due comes later), and `sleep` of a
 * client (its timers stand still).
 */
export interface Fault {
  readonly kind: 'fault'
  readonly at: number
  /** `cut`, `half-open`, `stall`, `crash`, `restart`, `postgres-crash`, `slot-lost`, `trim`, `clock`, `revoke`, ... */
  readonly fault: string
  /** Client, node or `postgres`. */
  readonly of: string
}

/** Code of ours said that something went wrong which must not, whatever was broken: a throw, a report of a client. */
export interface Broken {
  readonly kind: 'broken'
  readonly at: number
  /** Client or node. */
  readonly of: string
  readonly message: string
}

/** When all is quiet: what a client shows at the end, and what there is on the server. */
export interface Final {
  readonly kind: 'final'
  readonly at: number
  readonly client: string
  readonly room: string
  /** `live`, or why not. */
  readonly state: string
  readonly version?: number
  readonly accounts?: Readonly<Record<string, number>>
  readonly counters?: Readonly<Record<string, number>>
  /** Resource to session, as the client shows it, and as the server has it. */
  readonly locks: {
    readonly shown: Readonly<Record<string, string>>
    readonly held: Readonly<Record<string, string>>
  }
  /** Sessions as the client shows them, and those that are really there. */
  readonly presence: { readonly shown: readonly string[]; readonly there: readonly string[] }
  readonly pendingWrites: number
}

/** A promise that was broken, and where in the history. */
export interface Violation {
  /** `G1` to `G12`. */
  readonly promise: string
  readonly message: string
  /** Number of the event at which it was seen, from 0. */
  readonly event: number
}

/** One promise, watched: takes every event in order, and says what was broken. Keeps bounded state. */
export interface Checker {
  readonly promise: string
  take(event: HistoryEvent, index: number): readonly Violation[]
  /** After the last event. */
  end(): readonly Violation[]
}
