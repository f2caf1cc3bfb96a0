import type { SyncServer } from '@lockstep/server'
import type { Hono } from 'hono'
import type { Viewer } from '../model/board.ts'
import type { Database } from './database/connection.ts'

/** What every route has at hand. */
export interface Board {
  readonly db: Database
  readonly sync: SyncServer
}

/** Hono's types: what middleware puts on a request. */
export interface ApiEnvironment {
  readonly Variables: { readonly viewer: Viewer }
}

export interface ProjectEnvironment {
  readonly Variables: { readonly viewer: Viewer; readonly projectId: number }
}

export type ProjectRoutes = Hono<ProjectEnvironment>
