import type { SyncServer } from '@lockstep/server'
import type { Sql } from 'postgres'
import type { Viewer } from '../model/page.ts'

/** What every route has at hand. */
export interface Parts {
  readonly sql: Sql
  readonly sync: SyncServer
}

/** Hono's types: what middleware puts on a request. */
export interface ApiEnvironment {
  readonly Variables: { readonly viewer: Viewer }
}
