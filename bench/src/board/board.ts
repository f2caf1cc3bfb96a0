import { setTimeout as wait } from 'node:timers/promises'
import { startEmbeddedPostgres } from '@lockstep/server/embedded'
import { findChromium, launchChromium } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { type Bench, type Row, ratioOf, row } from '../bench.ts'
import { median, quantile } from '../report/statistics.ts'
import { startBoard } from './board-process.ts'
import { BoardPage, type Frames } from './page.ts'

const items = 5_000
const perSecond = 50
/** A display's own, at 60 Hz. */
const frameMs = 1000 / 60
const [p50MsMax, p95MsMax] = [17, 33.4]

type Kind = 'still' | 'scrolled' | 'dragged'
const kinds: readonly Kind[] = ['still', 'scrolled', 'dragged']

/** Frames of a real page with a long backlog while changes arrive, beside the same page while none do. */
export const board: Bench = {
  name: 'board',
  timeoutMs: 300_000,
  async run(options) {
    if (findChromium() === undefined) {
      options.log('left out: there is no Chromium')
      return []
    }
    const cluster = await startEmbeddedPostgres()
    const sql = postgres(cluster.url, { max: 2, onnotice: () => {} })
    const app = await startBoard(cluster.url)
    const browser = await launchChromium()
    try {
      await plant(sql)
      const page = await BoardPage.open(browser, app.address)
      const rounds = options.quick ? 1 : 5
      const seconds = options.quick ? 1 : 3
      const quiet = new Measured()
      const busy = new Measured()
      // Rounds A B A B ..., after one that is not counted.
      for (let round = -1; round < rounds; round++) {
        options.log(round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`)
        for (const [measured, rate] of [
          [quiet, 0],
          [busy, perSecond],
        ] as const) {
          const stream = new Stream(sql, rate)
          for (const kind of kinds) {
            const frames = await page.frames(kind, seconds)
            if (round >= 0) measured.add(kind, frames)
          }
          await stream.stop()
        }
      }
      return [
        ...kinds.flatMap((kind) => rowsOf(kind, busy, quiet)),
        row({
          metric: `script for each change, ${items} items, still`,
          unit: 'ms CPU',
          lockstep: median(busy.of('still').map(({ scriptMs }) => scriptMs)) / (seconds * perSecond),
        }),
      ]
    } finally {
      await browser.close()
      await app.stop()
      await sql.end({ timeout: 1 })
      await cluster.stop()
    }
  },
}

class Measured {
  readonly #frames = new Map<Kind, Frames[]>()

  add(kind: Kind, frames: Frames): void {
    this.#frames.set(kind, [...this.of(kind), frames])
  }

  of(kind: Kind): readonly Frames[] {
    return this.#frames.get(kind) ?? []
  }

  quantile(kind: Kind, q: number): number {
    return quantile(
      this.of(kind).flatMap(({ times }) => times),
      q,
    )
  }
}

function rowsOf(kind: Kind, busy: Measured, quiet: Measured): Row[] {
  const of = (q: number, max: number): Row => {
    const [lockstep, control] = [busy.quantile(kind, q), quiet.quantile(kind, q)]
    return row({
      metric: `frame, ${kind}, p${q * 100}`,
      unit: 'ms',
      lockstep,
      control,
      limit: frameMs,
      ratio: ratioOf(lockstep, control),
      target: `<= ${max} ms`,
      met: lockstep <= max,
    })
  }
  const cpu = (measured: Measured): number =>
    median(measured.of(kind).map(({ busyMs, times }) => busyMs / times.length))
  return [
    of(0.5, p50MsMax),
    of(0.95, p95MsMax),
    row({
      metric: `page's thread for each frame, ${kind}`,
      unit: 'ms CPU',
      lockstep: cpu(busy),
      control: cpu(quiet),
      limit: frameMs,
      ratio: ratioOf(cpu(busy), cpu(quiet)),
    }),
  ]
}

async function plant(sql: Sql): Promise<void> {
  await sql`delete from items where project_id = 1`
  await sql`
    insert into items (project_id, user_story, estimate, position)
    select 1, 'Item ' || g, g % 8, lpad(g::text, 5, '0') || 'V' from generate_series(1, ${items}::int) g`
}

/** Changes of items, one in a commit, at a steady rate until it is stopped. */
class Stream {
  #running: boolean
  #changes = 0
  readonly #done: Promise<void>

  constructor(sql: Sql, rate: number) {
    this.#running = rate > 0
    this.#done = this.#run(sql, rate)
    // Told by `stop`.
    this.#done.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(sql: Sql, rate: number): Promise<void> {
    const from = performance.now()
    while (this.#running) {
      const item = ((this.#changes * 37) % items) + 1
      await sql`
        update items set estimate = case when estimate < 12 then estimate + 1 else 0 end
        where project_id = 1 and user_story = ${`Item ${item}`}`
      this.#changes++
      await wait(Math.max(0, from + (this.#changes * 1000) / rate - performance.now()))
    }
  }
}
