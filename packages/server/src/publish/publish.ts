/**
 * The event source for any backend: an application whose rows live elsewhere publishes what it did to them.
 * Their state is kept in tables of Lockstep's own, so that everything after it (order, positions, resume,
 * snapshots) is the way of any other change. @see docs/protocol.md B1
 */
export interface PublishOptions {
  /** What a publisher sends as `Authorization: Bearer`: at least 32 characters. Any of several is accepted. */
  readonly secret: string | readonly string[]
  /** Channel patterns that may be published to, `sync/:name`. Default: every declared channel. */
  readonly channels?: string | readonly string[]
}

/** One published message, read and checked against the definition but for its values. */
export interface PublishedMessage {
  readonly channel: string
  /** Idempotency key of this message alone. */
  readonly key: string | undefined
  readonly rows: PublishedRows | undefined
  readonly operation: { readonly name: string; readonly envelope: unknown } | undefined
}

export interface PublishedRows {
  readonly collection: ExternalCollection
  /** Parameters that the channel stands for, by column: a row in it has these values. */
  readonly parameters: Readonly<Record<string, string>>
  readonly create: readonly PublishedRow[]
  readonly update: readonly PublishedRow[]
  readonly destroy: readonly PublishedRow[]
}

/** A row's key, and its declared columns with the key's among them. */
export interface PublishedRow {
  readonly key: string
  readonly values: Readonly<Record<string, unknown>>
}

/** An external collection as SQL needs it. Columns are names. */
export interface ExternalCollection {
  readonly name: string
  /** Qualified and quoted. */
  readonly table: string
  readonly columns: readonly string[]
  readonly key: readonly string[]
  /** Columns that take any JSON: what names rows and channels is a text, a number or a boolean. */
  readonly json: readonly string[]
}

/** What came of a message. */
export interface PublishResult {
  /** A message with this key was taken before: nothing was done now. */
  readonly replayed: boolean
  /** Keys of rows to update or destroy that were not there, or not in this channel. */
  readonly missing: readonly string[]
}

export interface PublishLimits {
  /** Body of a request. */
  readonly requestBytesMax: number
  /** Time for a body to arrive. */
  readonly requestMs: number
  /** Messages of one batch. */
  readonly messagesMax: number
}

export const defaultPublishLimits: PublishLimits = {
  requestBytesMax: 10_485_760,
  requestMs: 10_000,
  messagesMax: 1_000,
}
