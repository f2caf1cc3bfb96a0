import { collection, defineSync, type SyncDefinition } from '@lockstep/server'

/**
 * A small bank, made so that a broken promise shows: money moves between accounts and its sum never
 * changes; every room has a totals row that each commit on its entries keeps in agreement with them and
 * whose version rises by one per commit.
 */
export interface Account {
  readonly id: number
  readonly room: string
  readonly owner: string
  readonly balance: number
}

export interface Entry {
  readonly id: string
  readonly room: string
  readonly amount: number
}

export interface Totals {
  readonly room: string
  readonly entries: number
  readonly amount: number
  readonly version: number
}

export interface LedgerRows {
  readonly accounts: Account
  readonly entries: Entry
  readonly totals: Totals
}

export const ledgerSchema = `
  CREATE TABLE accounts (id int PRIMARY KEY, room text NOT NULL, owner text NOT NULL, balance int NOT NULL, secret text);
  CREATE TABLE entries (id bigserial PRIMARY KEY, room text NOT NULL, amount int NOT NULL);
  CREATE TABLE totals (room text PRIMARY KEY, entries int NOT NULL, amount int NOT NULL, version int NOT NULL);
  ALTER TABLE accounts REPLICA IDENTITY FULL;
  ALTER TABLE entries REPLICA IDENTITY FULL;
  ALTER TABLE totals REPLICA IDENTITY FULL;
`

/** User `outsider` may see nothing; everyone else sees every room, and the accounts they own. */
export const ledger: SyncDefinition = defineSync({
  channels: {
    'room/:room': { authorize: ({ user }) => user.id !== 'outsider' },
    'owner/:owner': { authorize: ({ user, params }) => user.id === params.owner },
  },
  collections: {
    accounts: collection<Account>({
      table: 'accounts',
      channel: ['room/:room', 'owner/:owner'],
      columns: ['id', 'room', 'owner', 'balance'],
    }),
    entries: collection<Entry>({
      table: 'entries',
      channel: 'room/:room',
      columns: ['id', 'room', 'amount'],
    }),
    totals: collection<Totals>({
      table: 'totals',
      key: 'room',
      channel: 'room/:room',
      columns: ['room', 'entries', 'amount', 'version'],
    }),
  },
})
