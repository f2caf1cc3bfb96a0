import type { Operation } from '@lockstep/protocol'
import type { ChannelRule } from '../definition/definition.ts'
import type { Connection } from './connection.ts'
import type { SubscriberList } from './subscriber-list.ts'

/**
 * Where a subscription stands:
 *
 * - `authorizing`: the application is asked;
 * - `loading`: waits for a snapshot;
 * - `behind`: has been sent everything up to `sentLsn`; the log has, or may have, more;
 * - `live`: has been sent everything that its list has been given;
 * - `ended`: unsubscribed, revoked, replaced, or its connection is gone.
 */
export type SubscriptionState = 'authorizing' | 'loading' | 'behind' | 'live' | 'ended'

/** For subscribers that are sent no rows: whatever the audience sees, they can go on. */
export const anyView = -1

/** One session's interest in one channel. The cursor `sentLsn` is all the queue it has: the log is the queue. */
export class Subscription {
  readonly connection: Connection
  readonly channel: string
  state: SubscriptionState = 'authorizing'
  audience = ''
  view = 0
  /** The channel's, once it is granted. */
  rule: ChannelRule | undefined
  list: SubscriberList | undefined
  /** Index in `list`, for removal in constant time. */
  index = -1
  /** Meaningful while `behind`. */
  sentLsn = 0
  /** `live` is yet to be said to the client. */
  announce = true
  /** What the application has for this subscriber alone, until the channel is live. */
  greeting: readonly Operation[] | undefined
  /** Counts the times that the application was asked: an older answer that comes later is ignored. */
  asks = 0
  /** The newest question of those, once it was granted: ends when its answer has been acted on. */
  asked: Promise<void> | undefined
  /** Counts the loads begun: an older one that ends later is ignored. */
  load = 0

  /** Whether the session may see the channel. */
  get isGranted(): boolean {
    return this.state !== 'authorizing' && this.state !== 'ended'
  }

  constructor(connection: Connection, channel: string) {
    this.connection = connection
    this.channel = channel
  }
}
