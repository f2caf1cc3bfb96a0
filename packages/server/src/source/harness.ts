import postgres, { type Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import { type PostgresSourceOptions, postgresSource } from './postgres.ts'
import { type RecordedEvent, RecordingSink, tableCollection } from './recording-sink.ts'
import type { Source } from './source.ts'

/** What the harness needs of a database made for a test. */
export interface HarnessDatabase {
  readonly name: string
  readonly url: string
  drop(): Promise<void>
}

/** For tests: a database with tables, and sources on it that are closed with it. */
export class SourceHarness {
  static readonly items: Collection = tableCollection('items', ['id', 'title', 'body'])
  static readonly tasks: Collection = tableCollection('tasks', ['id', 'item_id'])

  readonly database: HarnessDatabase
  readonly sql: Sql
  readonly #sources: Source[] = []

  static async open(database: HarnessDatabase): Promise<SourceHarness> {
    const harness = new SourceHarness(database)
    await harness.sql.unsafe(`
      CREATE TABLE items (id int PRIMARY KEY, title text, body text);
      ALTER TABLE items REPLICA IDENTITY FULL;
      CREATE TABLE tasks (id int PRIMARY KEY, item_id int);
      CREATE TABLE others (id int PRIMARY KEY);`)
    return harness
  }

  private constructor(database: HarnessDatabase) {
    this.database = database
    this.sql = postgres(database.url, { max: 12, onnotice: () => {} })
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.splice(0).map((source) => source.close()))
    await this.sql.end({ timeout: 1 })
    await this.database.drop()
  }

  /** A started source; its slot and publication are named after the database. */
  async start(options: Partial<PostgresSourceOptions> = {}): Promise<RunningSource> {
    const lines: string[] = []
    const keep = (line: string): void => void lines.push(line)
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep }
    const sink = new RecordingSink()
    const source = postgresSource({
      url: this.database.url,
      collections: [SourceHarness.items, SourceHarness.tasks],
      fingerprint: 'one',
      slot: this.database.name,
      logger,
      ...options,
    })
    this.#sources.push(source)
    await source.start(sink)
    return { source, sink, lines }
  }
}

export interface RunningSource {
  readonly source: Source
  readonly sink: RecordingSink
  /** What it logged. */
  readonly lines: readonly string[]
}

/** Events since the last call, once all that was committed before is there. */
export async function eventsOf({ source, sink }: RunningSource): Promise<readonly RecordedEvent[]> {
  await source.barrier()
  return sink.transactions.splice(0).flatMap((transaction) => transaction.events)
}
