import type { Sql } from 'postgres'
import { connectReplication } from './connect.ts'
import { formatLsn } from './lsn.ts'
import { quoteName } from './names.ts'
import type { StreamConnection, StreamStart } from './slot-database.ts'
import type { Wire } from './wire.ts'

/** A replication connection to a Postgres. */
export class PostgresStreamConnection implements StreamConnection {
  onCopyData: StreamConnection['onCopyData'] = () => {}
  readonly #sql: Sql
  readonly #wire: Wire

  constructor(url: string, applicationName: string) {
    const { sql, wire } = connectReplication(url, applicationName)
    this.#sql = sql
    this.#wire = wire
    wire.onCopyData = (bytes, start, end) => this.onCopyData(bytes, start, end)
  }

  async start({ slot, publication, from }: StreamStart, ended: (error: Error) => void): Promise<void> {
    const name = publication.replaceAll('"', '""').replaceAll("'", "''")
    const writable = await this.#sql
      .unsafe(
        `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(from)} ` +
          `(proto_version '1', publication_names '"${name}"', messages 'true')`,
      )
      .writable()
    // Nothing is written to it: it tells of the end of the stream.
    writable.on('error', ended)
    writable.on('close', () => ended(new Error('the database ended the replication stream')))
  }

  sendCopyData(content: Buffer): void {
    this.#wire.sendCopyData(content)
  }

  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 0 })
    this.#wire.destroySoon()
  }
}
