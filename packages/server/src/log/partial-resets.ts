import { matchChannel, type ResetReason } from '@lockstep/protocol'
import type { ResetScope } from '../bus/bus.ts'

/** Resets that are told apart; beyond them the oldest is left to the floor, which knows no channels. */
const resetsMax = 32

export function isInScope({ templates, channels }: ResetScope, channel: string): boolean {
  return (
    channels.includes(channel) || templates.some((template) => matchChannel(template, channel) !== undefined)
  )
}

interface PartialReset {
  readonly lsn: number
  readonly reason: ResetReason
  readonly scope: ResetScope
}

/** Resets of some channels: of any such channel, also one without a window, positions before it are void. */
export class PartialResets {
  #resets: PartialReset[] = []

  /** @returns the reset that had to make room, if one had. */
  add(reset: PartialReset): PartialReset | undefined {
    this.#resets.push(reset)
    return this.#resets.length > resetsMax ? this.#resets.shift() : undefined
  }

  /** Why a position in a channel cannot be continued; undefined: these resets are no reason. */
  reasonAfter(lsn: number, channel: string): ResetReason | undefined {
    return this.#resets.findLast((reset) => lsn < reset.lsn && isInScope(reset.scope, channel))?.reason
  }

  clear(): void {
    this.#resets = []
  }
}
