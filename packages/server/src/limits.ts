/** Every bound of a server, with its unit last. */
export interface Limits {
  /** How far back clients can resume, and how far the slot trails (so that a restart loses nothing). */
  readonly retentionMs: number
  /** Window of one channel and view, in bytes of encoded messages. */
  readonly logBytesMax: number
  /** All windows together. */
  readonly logTotalBytesMax: number
  /** One channel's share of a transaction; beyond it subscribers get a snapshot. */
  readonly transactionBytesMax: number
  /** All channels' shares of one transaction; beyond it every channel is reset. */
  readonly transactionTotalBytesMax: number
  /** All cached snapshots together. */
  readonly snapshotBytesMax: number
  /** Bytes waiting in one connection's socket before the connection counts as full. */
  readonly outboxBytesMax: number
  readonly heartbeatMs: number
  /** Time from the upgrade to the first message. */
  readonly helloMs: number
  /** How long a session outlives its connection before it is logged out. */
  readonly logoutMs: number
  /** Sessions that are connected or may come back. */
  readonly sessionsMax: number
  /** Time for `onSession` to answer. */
  readonly sessionHookMs: number
  /** Locks, and waits for some, of all sessions. */
  readonly locksMax: number
  /** The same, of one session. */
  readonly locksPerSessionMax: number
  /** Sessions that wait for one lock. */
  readonly lockWaitersMax: number
  /** Least time between two messages on who is in a channel. */
  readonly presenceMs: number
  /** What a session says of itself, as JSON. */
  readonly presenceBytesMax: number
  /** Sessions of a channel that are told by name. */
  readonly presenceMax: number
  /** Data of a broadcast, as JSON. */
  readonly broadcastBytesMax: number
  /** Broadcasts of one connection; twice as many at once. */
  readonly broadcastsPerSecond: number
  /** Broadcasts in one channel. */
  readonly channelBroadcastsPerSecond: number
  readonly tokenTtlMs: number
  readonly connectionsMax: number
  readonly subscriptionsMax: number
  /** Largest message of a client, in bytes. */
  readonly messageBytesMax: number
  /** Largest message that is taken in on a WebSocket, to be refused by an answer: beyond it the connection ends. */
  readonly frameBytesMax: number
  /** The same of all connections together: what is under way beyond `messageBytesMax`. */
  readonly oversizeBytesMax: number
  /** Requests of one connection: steady rate and burst. */
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  /** Body of a write or of an HTTP request to the sync server. */
  readonly bodyBytesMax: number
  /** Over how long clients are told to spread their return when the server closes. */
  readonly returnSpreadMs: number
}

export const defaultLimits: Limits = {
  retentionMs: 60_000,
  logBytesMax: 16_777_216,
  logTotalBytesMax: 268_435_456,
  transactionBytesMax: 8_388_608,
  transactionTotalBytesMax: 134_217_728,
  snapshotBytesMax: 134_217_728,
  outboxBytesMax: 262_144,
  heartbeatMs: 15_000,
  helloMs: 5_000,
  logoutMs: 10_000,
  sessionsMax: 200_000,
  sessionHookMs: 10_000,
  locksMax: 100_000,
  locksPerSessionMax: 1_000,
  lockWaitersMax: 100,
  presenceMs: 100,
  presenceBytesMax: 4_096,
  presenceMax: 2_000,
  broadcastBytesMax: 1_024,
  broadcastsPerSecond: 20,
  channelBroadcastsPerSecond: 200,
  tokenTtlMs: 3_600_000,
  connectionsMax: 100_000,
  subscriptionsMax: 1_000,
  messageBytesMax: 65_536,
  frameBytesMax: 1_114_112,
  oversizeBytesMax: 16_777_216,
  requestsPerSecond: 100,
  requestsBurst: 2_500,
  bodyBytesMax: 10_485_760,
  returnSpreadMs: 2_000,
}
