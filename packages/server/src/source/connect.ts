import postgres, { type Options, type PostgresType, type Sql } from 'postgres'
import { pinnedParameters } from './parameters.ts'
import { guardTransactions } from './transaction.ts'

export interface ConnectOptions {
  readonly max: number
  readonly applicationName?: string
}

/** A pool whose connections write values as the encoders expect them. Server notices are dropped. */
export function connect(url: string, { max, applicationName }: ConnectOptions): Sql {
  return guardTransactions(postgres(url, { ...baseOptions(applicationName), max, idle_timeout: 60 }))
}

/** One connection in replication mode, which takes replication commands and plain queries. */
export function connectReplication(url: string, applicationName: string): Sql {
  const options = baseOptions(applicationName)
  const connection = { ...options.connection, replication: 'database' }
  return postgres(url, { ...options, connection, max: 1, idle_timeout: 0, max_lifetime: null })
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
