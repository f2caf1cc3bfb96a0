import type { Mutant } from './mutant.ts'

/** From Postgres to the log. */
const stream: readonly Mutant[] = [
  {
    name: 'duplicates of the log',
    about: 'what was given is asked for again after a break, and nobody leaves it out',
    breaks: ['G3', 'G7'],
    edits: [
      { file: 'server/source/slot-reader', find: 'from: intake.given + 1', replace: 'from: 0' },
      {
        file: 'server/source/intake',
        find: 'this.#skipping = lsn <= this.given',
        replace: 'this.#skipping = false',
      },
      { file: 'server/log/memory', find: 'entry.transaction.lsn > this.#lsn', replace: 'true' },
    ],
  },
  {
    name: 'acknowledged early',
    about: 'the slot moves on beyond what was given, and a break loses what is between',
    breaks: ['G1', 'G2'],
    edits: [
      {
        file: 'server/source/slot-reader',
        find: 'return this.#acknowledger.acknowledge(now)',
        replace: 'return intake.given + 3000',
      },
    ],
  },
  {
    name: 'row move without destroy',
    about: 'a row that moves to another channel stays in the old one',
    breaks: ['G1', 'G2'],
    edits: [
      { file: 'server/routing/router', find: 'if (!channels.includes(channel))', replace: 'if (false)' },
    ],
  },
  {
    name: 'trimmed log not told',
    about: 'a client goes on from a position whose successors were trimmed',
    breaks: ['G1', 'G2'],
    edits: [
      {
        file: 'server/log/memory',
        find: 'if (from.lsn >= (window?.trimmedLsn ?? this.#floor))',
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'epoch not told',
    about: 'whoever is connected when the slot is lost is not begun anew',
    breaks: ['G1', 'G2'],
    edits: [{ file: 'server/hub/hub', find: "this.#reloadAll('epoch')", replace: '' }],
  },
  {
    name: 'truncate not told',
    about: 'rows of a truncated table stay where they are shown',
    breaks: ['G2'],
    edits: [{ file: 'server/hub/hub', find: 'this.#reloadAll(reason, scope)', replace: '' }],
  },
  {
    name: 'truncate missed',
    about: 'a client that was away when a table was truncated goes on',
    breaks: ['G2'],
    edits: [
      {
        file: 'server/log/memory',
        find: 'this.#partialResets.reasonAfter(from.lsn, channel)',
        replace: 'undefined',
      },
    ],
  },
]

/** What only a bus that takes its time shows, or a slot that is invalidated. */
const bus: readonly Mutant[] = [
  {
    name: 'refused and forgotten',
    about: 'what the bus refuses is not handed to it again',
    breaks: ['G1', 'G2'],
    edits: [
      { file: 'server/bus/feed', find: 'pending = this.#parts.bus.append(first.entry)', replace: 'break' },
    ],
  },
  {
    name: 'bus not waited for',
    about: 'a barrier is answered when the stream has passed it, and the log has not',
    breaks: ['G6'],
    edits: [
      {
        file: 'server/engine',
        find: 'this.log.position.lsn < lsn',
        replace: 'false',
      },
    ],
  },
  {
    name: 'memory used again too soon',
    about: 'the next commit is written over one that the bus has not taken',
    breaks: ['G1', 'G2', 'G5'],
    edits: [
      {
        file: 'server/routing/router',
        find: 'this.#rows = new RowTexts()',
        replace: 'void 0',
      },
    ],
  },
  {
    name: 'invalidated slot carried on',
    about: 'a slot that is made anew after its WAL was removed is read under the old epoch',
    breaks: ['G1', 'G2'],
    edits: [
      {
        file: 'server/source/slot-reader',
        find: 'const epoch = await newEpoch(this.#database, this.#plan, this.#runtime, this.#logger)',
        replace:
          "const made = await newEpoch(this.#database, this.#plan, this.#runtime, this.#logger); const epoch = why.includes('invalidated') && this.#epoch !== undefined ? { ...made, epoch: this.#epoch } : made",
      },
    ],
  },
]

const snapshots: readonly Mutant[] = [
  {
    name: 'snapshot before its position',
    about: 'the position of a snapshot is that of the log before its rows are read',
    breaks: ['G1', 'G2', 'G4'],
    edits: [
      {
        file: 'server/snapshot/store',
        find: 'const read = await this.#parts.reader.read(parts)',
        replace:
          'const { lsn } = this.#parts.log.position; const read = await this.#parts.reader.read(parts)',
      },
      { file: 'server/snapshot/store', find: 'const lsn = await this.#parts.barrier()', replace: '' },
    ],
  },
  {
    name: 'snapshot without a barrier',
    about: 'where the log stands is taken for where the database stands',
    breaks: ['G1', 'G2', 'G4'],
    edits: [
      {
        file: 'server/snapshot/store',
        find: 'const lsn = await this.#parts.barrier()',
        replace: 'const { lsn } = this.#parts.log.position',
      },
    ],
  },
  {
    name: 'invisible transactions left out',
    about: 'commits that the read did not see, and the stream had, are not added to it',
    breaks: ['G1', 'G2'],
    edits: [
      {
        file: 'server/snapshot/cut',
        find: 'if (isVisible(entry.xid, read.visibility))',
        replace: 'if (true)',
      },
    ],
  },
]

const fanOut: readonly Mutant[] = [
  {
    name: 'bundle split',
    about: 'a commit on two channels of a connection is not announced as one',
    breaks: ['G5'],
    edits: [{ file: 'server/hub/fanout', find: 'if (end - i > 1)', replace: 'if (false)' }],
  },
  {
    name: 'lost while full',
    about: 'what comes while a connection is full is never sent to it',
    breaks: ['G2'],
    edits: [
      {
        file: 'server/hub/fanout',
        find: 'this.#hooks.fallBehind(subscription, before)',
        replace: 'continue',
      },
    ],
  },
  {
    name: 'one channel after the other',
    about: 'who catches up gets the channels one by one instead of commit by commit',
    breaks: ['G5'],
    edits: [
      {
        file: 'server/hub/catch-up',
        find: 'mergeEntries(entries.filter((entry) => entry.lsn <= horizon))',
        replace: 'entries.map(({ frame }) => frame)',
      },
    ],
  },
  {
    name: 'bound ignored',
    about: 'what is sent to a full connection waits in the process',
    breaks: ['G12'],
    edits: [
      {
        file: 'server/hub/fanout',
        find: 'if (connection.full || connection.behind > 0)',
        replace: 'if (connection.behind > 0)',
      },
    ],
  },
  {
    name: 'never goes on',
    about: 'a connection that has drained is not told what it missed',
    breaks: ['G1'],
    edits: [{ file: 'server/hub/connection', find: 'this.#onDrained(this)', replace: '' }],
  },
  {
    name: 'heartbeat position too high',
    about: 'a connection that is behind is told that it has everything',
    breaks: ['G1', 'G2'],
    edits: [
      {
        file: 'server/hub/heartbeat',
        find: 'if (!connection.full && connection.caughtUp)',
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'reset not said',
    about: 'rows are replaced, and nobody says so',
    breaks: ['G11'],
    edits: [
      {
        file: 'server/hub/hub',
        find: "subscription.connection.send({ type: 'reset', channel: subscription.channel, reason })",
        replace: '',
      },
    ],
  },
  {
    name: 'confirmation overtakes',
    about: 'a connection that is behind hears that its write has passed',
    breaks: ['G6'],
    edits: [{ file: 'server/hub/catch-up', find: 'if (connection.caughtUp) {', replace: 'if (true) {' }],
  },
  {
    name: 'unsettled barrier',
    about: 'a barrier is answered with where the log stands',
    breaks: ['G6'],
    edits: [
      {
        file: 'server/hub/hub',
        find: 'const lsn = await this.#parts.barrier()',
        replace: 'const { lsn } = this.#parts.log.position',
      },
    ],
  },
]

const rights: readonly Mutant[] = [
  {
    name: 'no second look at rights',
    about: 'what `reauthorize` finds out changes nothing',
    breaks: ['G9'],
    edits: [
      {
        file: 'server/hub/reauthorisation',
        find: "if (subscription.state === 'ended')",
        replace: 'if (true)',
      },
    ],
  },
  {
    name: 'rights of a moment ago',
    about: 'a right that was taken while somebody subscribes is not asked for again',
    breaks: ['G9'],
    edits: [{ file: 'server/hub/admission', find: 'if (subscription.asks !== asks)', replace: 'if (false)' }],
  },
  {
    name: 'queued bytes leave',
    about: 'what waits in the process when a right is taken is sent all the same',
    breaks: ['G9'],
    edits: [
      { file: 'server/hub/reauthorisation', find: 'if (connection.carrier.waiting)', replace: 'if (false)' },
    ],
  },
  {
    name: 'revoked is only said',
    about: 'a session that is told that it lost a channel stays subscribed',
    breaks: ['G9'],
    edits: [{ file: 'server/hub/reauthorisation', find: 'hooks.lose(subscription.channel)', replace: '' }],
  },
  {
    name: 'view of another audience',
    about: 'everybody gets the columns of members',
    breaks: ['G9'],
    edits: [{ file: 'server/hub/hub', find: 'subscription.view = view', replace: 'subscription.view = 0' }],
  },
]

const around: readonly Mutant[] = [
  {
    name: 'two holders',
    about: 'who asks for a lock that another holds is told that it holds it',
    breaks: ['G8'],
    edits: [
      { file: 'server/lock/table', find: 'if (held.lock.session === claim.session)', replace: 'if (true)' },
    ],
  },
  {
    name: 'token does not rise',
    about: 'every lock has the same fencing token',
    breaks: ['G8'],
    edits: [{ file: 'server/lock/table', find: 'token: this.#tokens.next(now)', replace: 'token: 7' }],
  },
  {
    name: 'lock kept after disconnect',
    about: 'who is gone keeps its locks',
    breaks: ['G8'],
    edits: [
      {
        file: 'server/hub/occupancy',
        find: 'void this.#parts.locks.leave(session.id)',
        replace: 'void 0',
      },
    ],
  },
  {
    name: "another's lock released",
    about: 'who waits for a lock and gives up lets its holder go',
    breaks: ['G8'],
    edits: [
      {
        file: 'server/lock/table',
        find: 'if (held?.lock.session === session)',
        replace: 'if (held !== undefined)',
      },
    ],
  },
  {
    name: 'presence ghost',
    about: 'who is gone stays in the list',
    breaks: ['G10'],
    edits: [
      {
        file: 'server/hub/occupancy',
        find: 'void this.#parts.presence.leave(session.id)',
        replace: 'void 0',
      },
    ],
  },
  {
    name: 'missed notices',
    about: 'a connection that is behind never hears who came and went meanwhile',
    breaks: ['G8', 'G10'],
    edits: [
      { file: 'server/hub/notices', find: 'else if (!subscription.announce)', replace: 'else if (false)' },
    ],
  },
  {
    name: 'dead peers stay',
    about: 'a peer that gives no sign of life is not ended',
    breaks: ['G8', 'G10'],
    edits: [
      { file: 'server/hub/heartbeat', find: 'if (!connection.alive && !moved)', replace: 'if (false)' },
    ],
  },
]

export const serverMutants: readonly Mutant[] = [
  ...stream,
  ...bus,
  ...snapshots,
  ...fanOut,
  ...rights,
  ...around,
]
