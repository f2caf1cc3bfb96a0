import { answerCalls } from '../process/answer.ts'
import { StormClient } from './storm-client.ts'

/** Most connections under way at a time: what a listen queue of 4,096 takes in without dropping any. */
const openingMax = 1_000

export interface Tally {
  readonly missed: number
  readonly doubled: number
  readonly snapshots: number
  readonly resets: number
  /** Clients whose rows are not those of the database. */
  readonly wrong: number
}

/** A process of small clients of the whole protocol. */
export type CrowdMethods = {
  /** Makes clients, one for each token, spread over the channels; resolves when all are live. */
  join(what: { port: number; channels: readonly string[]; tokens: readonly string[] }): Promise<void>
  /** Cuts all connections at once and comes back; resolves with the ms until all are live. */
  storm(what: { forget: boolean }): Promise<number>
  /** Holds what the clients have against the rows of each channel, key to title. */
  compare(rows: Readonly<Record<string, Readonly<Record<string, string>>>>): Tally
}

const clients: StormClient[] = []
let waiting: { left: number; resolve(): void; reject(error: Error): void } | undefined
let toOpen: StormClient[] = []

const events = {
  live(): void {
    toOpen.pop()?.connect()
    if (waiting !== undefined && --waiting.left === 0) {
      waiting.resolve()
      waiting = undefined
    }
  },
  failed(error: Error): void {
    waiting?.reject(error)
  },
}

/** Connects all clients, so many at a time; resolves when all are live. */
function connectAll(): Promise<void> {
  return new Promise((resolve, reject) => {
    waiting = { left: clients.length, resolve, reject }
    toOpen = [...clients]
    for (const client of toOpen.splice(0, openingMax)) client.connect()
  })
}

const methods: CrowdMethods = {
  join: ({ port, channels, tokens }) => {
    tokens.forEach((token, i) => {
      clients.push(new StormClient(port, channels[i % channels.length] ?? '', token, events))
    })
    return connectAll()
  },
  storm: async ({ forget }) => {
    const start = performance.now()
    for (const client of clients) client.cut(forget)
    await connectAll()
    return performance.now() - start
  },
  compare: (rows) => {
    const sum = (pick: (client: StormClient) => number): number =>
      clients.reduce((total, client) => total + pick(client), 0)
    return {
      missed: sum((client) => client.missed),
      doubled: sum((client) => client.doubled),
      snapshots: sum((client) => client.snapshots),
      resets: sum((client) => client.resets),
      wrong: clients.filter((client) => !equal(client.rows, rows[client.channel] ?? {})).length,
    }
  },
}

function equal(mine: ReadonlyMap<string, unknown>, rows: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(rows)
  return keys.length === mine.size && keys.every((key) => mine.get(key) === rows[key])
}

answerCalls(methods)
