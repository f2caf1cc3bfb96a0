import { collection, defineSync, type SyncDefinition } from '@lockstep/server'

/**
 * A bank that is made so that every broken promise shows. Each commit touches one room or two, and in each of them
 * raises `rooms.version` by one and adds an entry with that version: so what a room looks like is known for each
 * version, and a client that shows version n must show exactly that. Money moves, and is never made or lost.
 */
export interface RoomRow {
  readonly id: string
  /** Commits that touched this room. */
  readonly version: number
}

export interface AccountRow {
  readonly id: number
  /** Accounts move from room to room. */
  readonly room: string
  readonly balance: number
  /** For members only: `secret-<room>-<version>`. Guests never get a byte of it. */
  readonly memo?: string
}

/** What happened: the last `entriesMax` of each room; older ones are deleted by the commit that adds one. */
export interface EntryRow {
  /** `<room>-<version>` */
  readonly id: string
  readonly room: string
  readonly version: number
  /** Id of the commit; the same in both rooms that it touched. */
  readonly commit: string
  /** Account id to its balance after the commit; null: it left the room, or was closed. */
  readonly accounts: Readonly<Record<string, number | null>>
}

/** Raised by clients' own writes, shown at once. */
export interface CounterRow {
  readonly id: string
  readonly room: string
  /** Writes that were done. */
  readonly n: number
}

export interface BankRows {
  readonly rooms: RoomRow
  readonly accounts: AccountRow
  readonly entries: EntryRow
  readonly counters: CounterRow
}

export const entriesMax = 12

/** For a real Postgres; the modelled one has the same tables. */
export const bankSchema = `
  CREATE TABLE rooms (id text PRIMARY KEY, version int NOT NULL);
  CREATE TABLE accounts (id int PRIMARY KEY, room text NOT NULL, balance int NOT NULL, memo text NOT NULL);
  CREATE TABLE entries (id text PRIMARY KEY, room text NOT NULL, version int NOT NULL, commit text NOT NULL, accounts jsonb NOT NULL);
  CREATE TABLE counters (id text PRIMARY KEY, room text NOT NULL, n int NOT NULL);
  ALTER TABLE rooms REPLICA IDENTITY FULL;
  ALTER TABLE accounts REPLICA IDENTITY FULL;
  ALTER TABLE entries REPLICA IDENTITY FULL;
  ALTER TABLE counters REPLICA IDENTITY FULL;
`

/** Everything a member of a room sees, and what of it a guest sees. `rights` decides who is what. */
export function bank(
  rights: (user: string, room: string) => 'member' | 'guest' | false | Promise<'member' | 'guest' | false>,
): SyncDefinition {
  return defineSync({
    channels: {
      'room/:room': {
        authorize: ({ user, params }) => rights(String(user.id), params.room ?? ''),
        presence: true,
        broadcasts: ['member'],
      },
    },
    collections: {
      rooms: collection<RoomRow>({
        table: 'rooms',
        channel: 'room/:id',
        columns: { member: ['id', 'version'], guest: ['id', 'version'] },
      }),
      accounts: collection<AccountRow>({
        table: 'accounts',
        channel: 'room/:room',
        columns: { member: ['id', 'room', 'balance', 'memo'], guest: ['id', 'room', 'balance'] },
      }),
      entries: collection<EntryRow>({
        table: 'entries',
        channel: 'room/:room',
        columns: {
          member: ['id', 'room', 'version', 'commit', 'accounts'],
          guest: ['id', 'room', 'version', 'commit', 'accounts'],
        },
      }),
      counters: collection<CounterRow>({
        table: 'counters',
        channel: 'room/:room',
        columns: { member: ['id', 'room', 'n'], guest: ['id', 'room', 'n'] },
      }),
    },
  })
}
