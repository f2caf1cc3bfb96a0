import type { Changes } from '@lockstep/client'
import type { Account, Entry, Totals } from '@lockstep/testing'
import type { LedgerClient } from './ledger-client.ts'

/**
 * Watches one client at every change it tells, and collects what no promise allows: half a transaction
 * (G5), a version that goes back or is skipped (G3, G4), money that is made or lost (G5 over channels).
 */
export class Witness {
  readonly broken: string[] = []
  /** Times a listener was told. */
  told = 0
  resets = 0
  readonly #client: LedgerClient
  readonly #rooms: readonly string[]
  readonly #total: number | undefined
  readonly #versions = new Map<string, number>()

  /** @param total the sum of all balances, where the client sees all rooms */
  constructor(client: LedgerClient, rooms: readonly string[], total: number | undefined) {
    this.#client = client
    this.#rooms = rooms
    this.#total = total
    for (const room of rooms) {
      const channel = client.channel(`room/${room}`)
      for (const name of ['accounts', 'entries', 'totals'] as const) {
        channel.collection(name).subscribe((changes) => this.#look(room, name, changes))
      }
    }
  }

  get ready(): Promise<unknown> {
    return Promise.all(this.#rooms.map((room) => this.#client.channel(`room/${room}`).ready))
  }

  /** All rows it shows, for comparing with the database. */
  rows(): { accounts: Account[]; entries: Entry[]; totals: Totals[] } {
    const channels = this.#rooms.map((room) => this.#client.channel(`room/${room}`))
    return {
      accounts: channels.flatMap((channel) => [...channel.accounts.all()]).sort((a, b) => a.id - b.id),
      entries: channels
        .flatMap((channel) => [...channel.entries.all()])
        .sort((a, b) => Number(a.id) - Number(b.id)),
      totals: channels
        .flatMap((channel) => [...channel.totals.all()])
        .sort((a, b) => (a.room < b.room ? -1 : 1)),
    }
  }

  #look(room: string, name: string, changes: Changes): void {
    this.told++
    if (changes.origin === 'reset') this.resets++
    const channel = this.#client.channel(`room/${room}`)
    const totals = channel.totals.get(room)
    const entries = channel.entries.all()
    if (totals !== undefined) {
      const amount = entries.reduce((sum, entry) => sum + entry.amount, 0)
      if (totals.entries !== entries.length || totals.amount !== amount) {
        this.broken.push(
          `G5: room ${room} shows ${entries.length} entries of ${amount}, its totals say ${totals.entries} of ${totals.amount} (at ${name})`,
        )
      }
      const before = this.#versions.get(room)
      if (before !== undefined && totals.version < before) {
        this.broken.push(`G4: room ${room} went from version ${before} back to ${totals.version}`)
      }
      this.#versions.set(room, totals.version)
    }
    if (this.#total === undefined) return
    if (!this.#rooms.every((each) => this.#client.channel(`room/${each}`).totals.size === 1)) return
    const accounts = this.#rooms.flatMap((each) => [...this.#client.channel(`room/${each}`).accounts.all()])
    const sum = accounts.reduce((all, account) => all + account.balance, 0)
    if (sum !== this.#total)
      this.broken.push(`G5: the balances of all rooms sum up to ${sum}, not ${this.#total}`)
  }
}
