import { encodePosition, type Position } from '@lockstep/protocol'
import { encodeFrame, type Frame, payloadOf } from '../log/frame.ts'
import type { LogEntry } from '../log/log.ts'
import { applyEntry } from './cut.ts'
import type { SnapshotPart } from './snapshot.ts'
import { SnapshotTables } from './table.ts'

/** The rows of a channel at exactly `position`, encoded once for everyone. */
export class CachedSnapshot {
  readonly channel: string
  readonly position: Position
  /** The `snapshot` message. What came after it is in the log, from `position` on. */
  readonly frame: Frame
  readonly #view: number | undefined
  readonly #parts: readonly SnapshotPart[]
  readonly #keys: readonly (readonly string[])[]
  readonly #keysBytes: number

  /** @param view to be told in the message, where a server has several */
  constructor(
    channel: string,
    view: number | undefined,
    position: Position,
    parts: readonly SnapshotPart[],
    tables: SnapshotTables,
  ) {
    const viewText = view === undefined ? '' : `"view":${view},`
    this.channel = channel
    this.#view = view
    this.position = position
    this.frame = encodeFrame(
      `{"type":"snapshot","channel":"${channel}","position":"${encodePosition(position)}",${viewText}"collections":${tables.collectionsText()}}`,
      true,
    )
    this.#parts = parts
    this.#keys = tables.keys()
    let keysBytes = 0
    for (const keys of this.#keys) for (const key of keys) keysBytes += key.length + 24
    this.#keysBytes = keysBytes
  }

  /** The `snapshot` message as JSON text; made anew at each call. */
  get json(): string {
    return payloadOf(this.frame)
  }

  /** About what it takes in memory. */
  get bytes(): number {
    return this.frame.length + this.#keysBytes
  }

  /** The snapshot with `entries` applied; undefined where one of them cannot be. */
  advance(entries: readonly LogEntry[], position: Position): CachedSnapshot | undefined {
    const tables = SnapshotTables.fromText(this.#parts, this.json, this.#keys)
    for (const entry of entries) if (!applyEntry(tables, entry)) return undefined
    return new CachedSnapshot(this.channel, this.#view, position, this.#parts, tables)
  }
}
