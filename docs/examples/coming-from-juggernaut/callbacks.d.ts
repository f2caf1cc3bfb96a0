import type { OperationChannel } from '@lockstep/client/operations'

export declare function registerCallbacks(
  channel: OperationChannel,
  bs: {
    readonly sprint: number
    readonly backlog: { add(item: unknown): void }
    flash(text: string): void
    reload(): void
  },
): void
