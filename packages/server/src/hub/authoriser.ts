import { LockstepError, matchChannel } from '@lockstep/protocol'
import type { ChannelRule, Sync, User } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'

/** Who asks, and for which channels it may ask at all. */
export interface Asker {
  readonly user: User
  readonly channels: readonly string[] | undefined
}

/** As what it is let in. */
export interface Grant {
  readonly audience: string
  readonly view: number
  readonly rule: ChannelRule
}

/** Asks the application whether a user may see a channel. */
export class Authoriser {
  readonly #sync: Sync
  readonly #logger: Logger
  readonly #mayPass: (error: unknown) => boolean

  /** `mayPass` tells whether asking again may help after such an error: the database is out of reach. */
  constructor(sync: Sync, logger: Logger, mayPass: (error: unknown) => boolean) {
    this.#sync = sync
    this.#logger = logger
    this.#mayPass = mayPass
  }

  /** As what the asker may see the channel, or why it may not: `no_channel`; `unavailable`: for now. */
  async ask(asker: Asker, channel: string): Promise<Grant | LockstepError> {
    try {
      const found = await this.#audienceOf(asker, channel)
      const view = found === undefined ? undefined : this.#sync.viewOf(found.audience)
      if (found !== undefined && view !== undefined) return { ...found, view }
      return new LockstepError('no_channel')
    } catch (error) {
      return new LockstepError('unavailable', undefined, { cause: error })
    }
  }

  /** What the definition says of a channel; undefined: it declares none of this name. */
  ruleOf(channel: string): ChannelRule | undefined {
    return this.#sync.channels.find(({ pattern }) => matchChannel(pattern, channel) !== undefined)?.rule
  }

  /**
   * The audience as which the asker sees the channel, and the channel's rule; undefined where it may not, where no such channel
   * is declared, and where the rule throws: from outside these are one and the same.
   * @throws what the rule has thrown, where that may pass
   */
  async #audienceOf(
    asker: Asker,
    channel: string,
  ): Promise<{ audience: string; rule: ChannelRule } | undefined> {
    if (asker.channels !== undefined && !asker.channels.includes(channel)) return undefined
    for (const { pattern, rule } of this.#sync.channels) {
      const params = matchChannel(pattern, channel)
      if (params === undefined) continue
      try {
        const audience = await rule.authorize({ user: asker.user, channel, params })
        if (audience === true) return { audience: 'member', rule }
        return typeof audience === 'string' && audience !== '' ? { audience, rule } : undefined
      } catch (error) {
        const name = error instanceof Error ? error.name : 'unknown'
        this.#logger.error(`authorize of channel pattern "${pattern.source}" failed: ${name}`)
        if (this.#mayPass(error)) throw error
        return undefined
      }
    }
    return undefined
  }
}
