import type { SyncServerOptions } from '../server.ts'

/**
 * What `lockstep serve` runs: the default export of `lockstep.config.ts`, or a JSON object with `channels` and
 * `collections` in the place of `sync`.
 */
export interface LockstepConfig
  extends Partial<Omit<SyncServerOptions, 'sync' | 'logger' | 'runtime'>>,
    Pick<SyncServerOptions, 'sync'> {
  readonly port?: number
  /** Address to listen at. Default: all of this machine. */
  readonly host?: string
  /** How long `ready` answers 503 before clients are told to come back, so that a balancer notices. Default 0. */
  readonly drainMs?: number
}

/** The types of `lockstep.config.ts`: `export default defineConfig({ sync, port: 4000 })`. */
export function defineConfig(config: LockstepConfig): LockstepConfig {
  return config
}
