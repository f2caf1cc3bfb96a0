import type { SyncDefinition } from '@lockstep/server'

/** Takes users' rights to channels, over whatever the application's own `authorize` says. */
export class Revocations {
  /** User to channels; `undefined` among them: all. */
  readonly #taken = new Map<string, Set<string | undefined>>()

  /** The definition, asked last. */
  over(definition: SyncDefinition): SyncDefinition {
    const channels = Object.fromEntries(
      Object.entries(definition.channels).map(([pattern, rule]) => [
        pattern,
        {
          ...rule,
          authorize: (request: Parameters<typeof rule.authorize>[0]) =>
            this.#isTaken(String(request.user.id), request.channel) ? false : rule.authorize(request),
        },
      ]),
    )
    return { ...definition, channels }
  }

  take(user: string, channel: string | undefined): void {
    const taken = this.#taken.get(user) ?? new Set()
    this.#taken.set(user, taken.add(channel))
  }

  /** All of them, where no channel is named. */
  give(user: string, channel: string | undefined): void {
    if (channel === undefined) this.#taken.delete(user)
    else this.#taken.get(user)?.delete(channel)
  }

  #isTaken(user: string, channel: string): boolean {
    const taken = this.#taken.get(user)
    return taken !== undefined && (taken.has(undefined) || taken.has(channel))
  }
}
