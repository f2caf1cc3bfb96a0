import type { Engine } from './engine.ts'
import type { SyncServer } from './server.ts'

const engines = new WeakMap<SyncServer, Engine>()

export function keepEngine(server: SyncServer, engine: Engine): SyncServer {
  engines.set(server, engine)
  return server
}

/** For test kits, which break things on purpose. @throws Error for what `createSyncServer` has not made */
export function engineOf(server: SyncServer): Engine {
  const engine = engines.get(server)
  if (engine === undefined) throw new Error('This is no sync server.')
  return engine
}
