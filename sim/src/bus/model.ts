import type { Bus, BusEntry, RoutedTransaction } from '@lockstep/server/stages'
import type { Clock, Span } from '../postgres/clock.ts'
import { Random } from '../random/random.ts'

export interface BusModelOptions {
  readonly clock: Clock
  readonly seed: number
  /** From a node to the bus, and from the bus to each node. Default: up to 2 ms. */
  readonly network?: Span
}

/**
 * A bus between nodes, such as a stream in Redis: entries are taken in order and come to every node later, in order.
 * What it has already is not taken again. When it crashes, what it had not taken is lost, and whoever appended it is told.
 */
export class BusModel {
  readonly #clock: Clock
  readonly #random: Random
  readonly #network: Span
  readonly #nodes = new Set<NodeBus>()
  /** Entries on their way to it. */
  #coming: Coming[] = []
  #lastArrival = 0
  #epoch = ''
  #lsn = 0
  #upAt = 0

  constructor({ clock, seed, network = [0, 2] }: BusModelOptions) {
    this.#clock = clock
    this.#random = Random.named(seed, 'bus')
    this.#network = network
  }

  /** The bus as one node has it. `close` is what the node's death does too. */
  node(): Bus {
    const node = new NodeBus(this)
    this.#nodes.add(node)
    return node
  }

  /** Loses what it has not taken, and takes nothing for so long. */
  crash(downMs: number): void {
    const lost = this.#coming
    this.#coming = []
    this.#upAt = this.#clock.now() + downMs
    for (const { timer, reject } of lost) {
      timer.cancel()
      reject(new Error('the bus went down'))
    }
  }

  /** One way, never before what was sent earlier. */
  arrivalMs(last: number): number {
    const [least, most] = this.#network
    return Math.max(last, this.#clock.now() + least + this.#random.next() * (most - least))
  }

  after(at: number, run: () => void): { cancel(): void } {
    return this.#clock.after(Math.max(0, at - this.#clock.now()), run)
  }

  append(entry: BusEntry): Promise<void> {
    if (this.#clock.now() < this.#upAt) return Promise.reject(new Error('the bus is down'))
    const copy = copyOf(entry)
    this.#lastArrival = this.arrivalMs(this.#lastArrival)
    return new Promise((resolve, reject) => {
      const timer = this.after(this.#lastArrival, () => this.#arrived())
      this.#coming.push({ entry: copy, timer, resolve, reject })
    })
  }

  /** What the node has sent stays on its way; nobody hears of it. */
  forget(node: NodeBus): void {
    this.#nodes.delete(node)
  }

  /** The first that is on its way: whichever timer it was, order stays. */
  #arrived(): void {
    const first = this.#coming.shift()
    if (first === undefined) return
    this.#take(first.entry)
    first.resolve()
  }

  #take(entry: BusEntry): void {
    if (entry.kind === 'epoch') {
      if (entry.epoch === this.#epoch) return
      this.#epoch = entry.epoch
      this.#lsn = entry.lsn
    } else {
      const lsn = entry.kind === 'transaction' ? entry.transaction.lsn : entry.lsn
      if (lsn <= this.#lsn) return
      this.#lsn = lsn
    }
    for (const node of this.#nodes) node.deliver(entry)
  }
}

interface Coming {
  readonly entry: BusEntry
  readonly timer: { cancel(): void }
  resolve(): void
  reject(error: Error): void
}

class NodeBus implements Bus {
  readonly #bus: BusModel
  readonly #readers: ((entry: BusEntry) => void)[] = []
  readonly #coming: { readonly entry: BusEntry; readonly readers: readonly ((entry: BusEntry) => void)[] }[] =
    []
  #last = 0
  #closed = false

  constructor(bus: BusModel) {
    this.#bus = bus
  }

  append(entry: BusEntry): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the bus is closed'))
    return this.#bus.append(entry)
  }

  subscribe(reader: (entry: BusEntry) => void): void {
    this.#readers.push(reader)
  }

  close(): Promise<void> {
    this.#closed = true
    this.#readers.length = 0
    this.#bus.forget(this)
    return Promise.resolve()
  }

  deliver(entry: BusEntry): void {
    this.#coming.push({ entry, readers: [...this.#readers] })
    this.#last = this.#bus.arrivalMs(this.#last)
    this.#bus.after(this.#last, () => {
      const first = this.#coming.shift()
      if (first !== undefined && !this.#closed) for (const reader of first.readers) reader(first.entry)
    })
  }
}

/** The bytes of an entry are its appender's, who uses them again. */
function copyOf(entry: BusEntry): BusEntry {
  return entry.kind === 'transaction'
    ? { ...entry, transaction: copyOfTransaction(entry.transaction) }
    : entry
}

function copyOfTransaction(transaction: RoutedTransaction): RoutedTransaction {
  const channels = transaction.channels.map((channel) => ({
    ...channel,
    views: channel.views.map((pieces) => pieces?.map((piece) => Buffer.from(piece))),
  }))
  return { ...transaction, channels }
}
