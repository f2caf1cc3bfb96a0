import postgres, { type Options, type PostgresType, type Sql } from 'postgres'
import type { PostgresAddress } from './open-socket.ts'
import { pinnedParameters } from './parameters.ts'
import { PoolSocket } from './pool-socket.ts'
import { guardTransactions } from './transaction.ts'
import { Wire } from './wire.ts'

export interface ConnectOptions {
  readonly max: number
  readonly applicationName?: string
}

/** A pool whose connections write values as the encoders expect them. Server notices are dropped. */
export function connect(url: string, { max, applicationName }: ConnectOptions): Sql {
  return pool(url, { ...baseOptions(applicationName), max, idle_timeout: 60 })
}

/**
 * The pool that an application's own queries use too: statements are prepared, arrays go in and come out as
 * arrays. While the database is away it is tried at least every second, not ever more rarely.
 */
export function connectForApplication(url: string, { max, applicationName }: ConnectOptions): Sql {
  const own = { prepare: true, fetch_types: true, backoff: reconnectSeconds }
  const sql = pool(url, { ...baseOptions(applicationName), ...own, max, idle_timeout: 60 }, () => {
    // The client asks each new connection for the types of arrays, and one that is lost meanwhile ends the process:
    // nobody hears the rejection. Once they are known, no connection is asked.
    if (textArray in sql.options.parsers) sql.options.fetch_types = false
  })
  return sql
}

/** OID of text[]. */
const textArray = 1009

function pool(
  url: string,
  options: Options<Record<string, PostgresType>>,
  beforeOpening: () => void = () => {},
): Sql {
  const address = addressOf(url, options)
  const own = {
    // The socket begins TLS itself: what it hands to `postgres` is plain.
    ssl: false,
    // Not in the type declarations: makes the socket of each connection.
    socket: () => {
      beforeOpening()
      return PoolSocket.open(address)
    },
  } as const
  return guardTransactions(postgres(url, { ...options, ...own }))
}

function addressOf(url: string, options: Options<Record<string, PostgresType>>): PostgresAddress {
  // Only reads the URL and the environment; connects to nothing.
  const { host, port, path, ssl } = postgres(url, { ...options, max: 1 }).options
  return { host, port, path: path || false, ssl }
}

/** How long to wait before trying again, after so many failures in a row. */
function reconnectSeconds(failures: number): number {
  return Math.min(0.05 * 2 ** failures, 1)
}

/**
 * One connection in replication mode, which takes replication commands and plain queries, and the socket
 * under it, for the stream.
 */
export function connectReplication(url: string, applicationName: string): { sql: Sql; wire: Wire } {
  const base = baseOptions(applicationName)
  const address = addressOf(url, base)
  const wire = new Wire()
  const options = {
    ...base,
    connection: { ...base.connection, replication: 'database' },
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    // The wire begins TLS itself: what it hands to `postgres` is plain.
    ssl: false,
    // Not in the type declarations: makes the socket. Of one connection only, as it is never reconnected.
    socket: async (): Promise<Wire> => {
      await wire.connect(address)
      return wire
    },
  } as const
  return { sql: postgres(url, options), wire }
}

function baseOptions(applicationName: string | undefined): Options<Record<string, PostgresType>> & {
  connection: Record<string, string>
} {
  return {
    connection: {
      ...pinnedParameters,
      ...(applicationName === undefined ? {} : { application_name: applicationName }),
    },
    fetch_types: false,
    prepare: false,
    connect_timeout: 10,
    onnotice: () => {},
  }
}
