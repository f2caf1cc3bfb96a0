import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ScriptedServer, type Weather, type WriteRule } from '../test/scripted-server.ts'
import { settle, VirtualRuntime } from '../test/virtual-runtime.ts'
import { createClient } from './index.ts'

/*
 * Money moves between four purses, two in each of two channels and in two collections of each, in one
 * commit. Whoever sees another sum than the whole has seen half a commit (G5). Each commit also raises a
 * counter in both channels: whoever sees it fall has seen commits out of order (G4), and every operation
 * carries its number, so that one that fires twice is seen (G3).
 */
const places = ['a/accounts', 'a/vaults', 'b/accounts', 'b/vaults'] as const
const whole = 400

interface Purse {
  readonly id: number
  readonly amount: number
}
interface Sync {
  readonly $rows?: {
    readonly accounts: Purse
    readonly vaults: Purse
    readonly visitors: { readonly id: number; readonly n: number }
    readonly counters: { readonly id: number; readonly n: number }
  }
}

const place = fc.nat(3)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('transfer' as const), from: place, to: place, amount: fc.nat(9) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      amount: fc.nat(9),
      weather: fc.constantFrom<Weather>('fine', 'request-lost', 'reply-lost', 'unavailable'),
      refused: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(1, 60, 300, 3_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('heartbeat', 'finish', 'trim', 'epoch'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose', 'double', 'note') }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reset' as const), channel: fc.constantFrom('a', 'b') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), on: fc.boolean() }) },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class World {
  readonly server = new ScriptedServer()
  readonly runtime: VirtualRuntime
  readonly errors: unknown[] = []
  readonly client
  readonly a
  readonly b
  readonly outcomes: Promise<unknown>[] = []
  readonly operations: number[] = []
  private n = 0
  private readonly highest = new Map<string, number>()
  looks = 0

  constructor(seed: number, page: boolean) {
    const { server } = this
    this.runtime = new VirtualRuntime(seed)
    this.runtime.respond = server.respond
    server.writeRule = (_url, { body = '' }) => this.answer(JSON.parse(body))
    server.commit({
      a: {
        accounts: { create: { 1: { id: 1, amount: 100 }, 2: { id: 2, amount: 50 } } },
        vaults: { create: { 1: { id: 1, amount: 100 }, 2: { id: 2, amount: 50 } } },
        counters: { create: { 1: { id: 1, n: 0 } } },
      },
      b: {
        accounts: { create: { 1: { id: 1, amount: 100 } } },
        vaults: { create: { 1: { id: 1, amount: 100 } } },
        counters: { create: { 1: { id: 1, n: 0 } } },
      },
    })
    const source = page
      ? { page: server.page(['a', 'b']) }
      : { url: 'http://server/lockstep', session: { id: 's0', token: 't0' } }
    this.client = createClient<Sync>(source, {
      runtime: this.runtime,
      transport: server.transport,
      onError: (error) => this.errors.push(error),
    })
    this.a = this.client.channel('a')
    this.b = this.client.channel('b')
    for (const channel of [this.a, this.b]) {
      for (const name of ['accounts', 'vaults', 'counters'] as const) {
        channel.collection(name).subscribe(() => this.look())
        channel.collection(name).subscribeRow(1, () => this.look())
      }
      channel.on('note', (envelope) => {
        this.look()
        this.operations.push(Number(envelope))
      })
    }
  }

  purse(index: number) {
    const [channel, collection] = (places[index] ?? '').split('/')
    return (channel === 'a' ? this.a : this.b).collection(collection === 'vaults' ? 'vaults' : 'accounts')
  }

  /** What any listener may rely on. */
  look(): void {
    const purses = places.map((_, index) => this.purse(index).get(1)?.amount)
    if (purses.some((amount) => amount === undefined)) return // Before the first snapshots.
    this.looks++
    const sum = purses.reduce<number>((total, amount) => total + (amount ?? 0), 0)
    expect(sum, 'G5: the sum').toBe(whole)
    const own = Number(this.a.accounts.get(2)?.amount) + Number(this.a.vaults.get(2)?.amount)
    expect(own, 'G5: the sum of the own purses').toBe(100)
    for (const channel of [this.a, this.b]) {
      const n = channel.counters.get(1)?.n ?? 0
      expect(n, 'G4: the counter').toBeGreaterThanOrEqual(this.highest.get(channel.name) ?? 0)
      this.highest.set(channel.name, n)
    }
  }

  /** What a transfer does to the server's rows, read when it commits. */
  changes(from: number, to: number, amount: number) {
    const rows = places.map((path) => {
      const [channel = '', collection = ''] = path.split('/')
      return { channel, collection, amount: Number(this.server.rows(channel, collection).get('1')?.amount) }
    })
    const counter = () => ({ update: { 1: { n: this.n } } })
    this.n++
    const changes: Record<
      string,
      Record<string, { update: Record<string, { [column: string]: number }> }>
    > = {
      a: { counters: counter() },
      b: { counters: counter() },
    }
    const move = (index: number, by: number) => {
      const row = rows[index]
      const collections = changes[row?.channel ?? '']
      if (row === undefined || collections === undefined) return
      row.amount += by
      collections[row.collection] = { update: { 1: { amount: row.amount } } }
    }
    move(from, -amount)
    move(to, amount)
    // A row that comes and goes.
    const there = this.server.rows('b', 'visitors').has('1')
    return {
      ...changes,
      b: { ...changes.b, visitors: there ? { destroy: ['1'] } : { create: { 1: { id: 1, n: this.n } } } },
    }
  }

  /** What the server makes of a write. */
  answer({ amount, refused }: { amount: number; refused: boolean }): ReturnType<WriteRule> {
    if (refused)
      return { status: 422, body: { error: { code: 'no_money', message: 'No.', retryable: false } } }
    const moved = (collection: string, by: number) => {
      const row = this.server.rows('a', collection).get('2')
      return { update: { 2: { amount: Number(row?.amount) + by } } }
    }
    return {
      status: 200,
      body: true,
      changes: { a: { accounts: moved('accounts', -amount), vaults: moved('vaults', amount) } },
    }
  }

  /** Moves between the two own purses, shown at once. */
  write(amount: number, weather: Weather, refused: boolean): void {
    this.server.weather.push(weather)
    const { accounts, vaults } = this.a
    const promise = this.a.write({
      url: '/transfer',
      body: { amount, refused },
      optimistic(tx) {
        tx.update('accounts', 2, { amount: Number(accounts.get(2)?.amount) - amount })
        tx.update('vaults', 2, { amount: Number(vaults.get(2)?.amount) + amount })
      },
    })
    this.outcomes.push(
      promise.then(
        () => 'done',
        (error: { code: string }) => error.code,
      ),
    )
  }

  async end(): Promise<void> {
    this.server.slowFill = false
    this.server.weather = []
    for (let i = 0; i < 60; i++) {
      if (!this.server.connection.ended) {
        this.server.connection.open()
        this.server.connection.finish()
        this.server.connection.heartbeat()
        this.server.connection.arrive()
      }
      await this.runtime.advance(2_500)
    }
  }
}

async function play(world: World, steps: readonly Step[]): Promise<void> {
  const { server, runtime } = world
  for (const event of steps) {
    switch (event.do) {
      case 'transfer':
        server.commit(world.changes(event.from, event.to, event.amount))
        break
      case 'note':
        server.commit(world.changes(0, 3, 1), {
          session: 'other',
          operations: { a: [{ operation: 'note', envelope: server.lsn }] },
        })
        break
      case 'arrive':
        server.connection.open()
        server.connection.arrive(event.count)
        break
      case 'write':
        if (world.a.accounts.has(2)) world.write(event.amount, event.weather, event.refused)
        break
      case 'cut':
        server.connection.cut()
        break
      case 'time':
        await runtime.advance(event.ms)
        break
      case 'turn':
        await settle()
        break
      case 'lose':
        if (server.connection.lose()) server.commit(world.changes(0, 1, 1))
        break
      case 'double':
        server.connection.double()
        break
      case 'heartbeat':
        server.connection.heartbeat()
        break
      case 'finish':
        server.connection.finish()
        break
      case 'trim':
        server.trimmedBefore = server.lsn
        break
      case 'epoch':
        server.connection.cut()
        server.newEpoch()
        break
      case 'reset':
        server.connection.reset(event.channel, 'slow')
        break
      case 'slow':
        server.slowFill = event.on
        break
    }
  }
}

test('G1, G3, G4, G5, G6: any schedule ends at the server’s rows, with nothing half, twice or backwards on the way', async () => {
  let looks = 0
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.boolean(), fc.array(step, { maxLength: 60 }), async (seed, page, steps) => {
      const world = new World(seed, page)
      await play(world, steps)
      await world.end()
      expect(world.errors).toEqual([])
      expect(world.client.status.state).toBe('live')
      for (const [index, path] of places.entries()) {
        const [channel = '', collection = ''] = path.split('/')
        expect(world.purse(index).all(), `G1: ${path}`).toEqual([
          ...world.server.rows(channel, collection).values(),
        ])
      }
      expect(world.b.collection('visitors').all()).toEqual([...world.server.rows('b', 'visitors').values()])
      expect(world.client.pendingWrites, 'G6: writes have ended').toBe(0)
      const outcomes = await Promise.all(world.outcomes)
      expect(outcomes.every((outcome) => outcome === 'done' || outcome === 'no_money')).toBe(true)
      expect(new Set(world.operations).size, 'G3: an operation twice').toBe(world.operations.length)
      looks += world.looks
      world.client.close()
      expect(world.runtime.timers).toBe(0)
    }),
    { numRuns: 300 },
  )
  expect(looks).toBeGreaterThan(1_000)
}, 60_000)
