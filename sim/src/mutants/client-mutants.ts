import type { Mutant } from './mutant.ts'

const rows: readonly Mutant[] = [
  {
    name: 'a part shows',
    about: 'a commit is applied before the last of its messages is there',
    breaks: ['G5'],
    edits: [
      { file: 'client/session/session', find: 'if (behind || this.#bundled > 0)', replace: 'if (behind)' },
    ],
  },
  {
    name: 'no waiting for channels behind',
    about: 'channels that are caught up are shown before the others are',
    breaks: ['G5'],
    edits: [
      { file: 'client/session/session', find: 'behind ||= subscription.behind', replace: 'behind ||= false' },
    ],
  },
  {
    name: 'prev ignored',
    about: 'a server loses what comes for a full connection, and the client does not see the hole',
    breaks: ['G1'],
    edits: [
      {
        file: 'server/hub/fanout',
        find: 'this.#hooks.fallBehind(subscription, before)',
        replace: 'continue',
      },
      {
        file: 'client/channel/subscription',
        find: 'if (received === undefined || isBeyond(message.prev, received) !== false)',
        replace: 'if (received === undefined)',
      },
    ],
  },
  {
    name: 'dedupe skipped',
    about: 'a server repeats the last messages, and the client applies them again',
    breaks: ['G2', 'G3', 'G4'],
    edits: [
      {
        file: 'server/hub/hub',
        find: "this.#continue(subscription, from.lsn, 'log')",
        replace: "this.#continue(subscription, from.lsn - 3000, 'log')",
      },
      {
        file: 'client/channel/subscription',
        find: 'if (isBeyond(message.position, received) !== true)',
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'resume from the wrong position',
    about: 'a client goes on from what it received, though it was not applied and is lost',
    breaks: ['G1', 'G2'],
    edits: [
      { file: 'client/channel/subscription', find: "if (this.phase !== 'live')", replace: 'if (false)' },
    ],
  },
  {
    name: 'reason kept to itself',
    about: 'the application does not hear why its rows were replaced',
    breaks: ['G11'],
    edits: [{ file: 'client/session/session', find: 'channel.resetReason = message.reason', replace: '' }],
  },
  {
    name: 'revoked rows stay',
    about: 'a channel that was taken away is still on show',
    breaks: ['G9'],
    edits: [{ file: 'client/session/session', find: 'store.clear()', replace: 'void store' }],
  },
  {
    name: 'silence goes unnoticed',
    about: 'a client waits for ever for a server that says nothing',
    breaks: ['G11'],
    edits: [
      {
        file: 'client/connection/state',
        find: '{ ...state, alarmAt: now + 2 * state.heartbeatMs }',
        replace: '{ ...state, alarmAt: Infinity }',
      },
    ],
  },
]

const operations: readonly Mutant[] = [
  {
    name: 'own operations echoed',
    about: 'a client hears the operations of its own writes',
    breaks: ['G3'],
    edits: [
      {
        file: 'client/session/session',
        find: 'channel.anew || this.#isOwn(message) ? undefined : message.operations',
        replace: 'channel.anew ? undefined : message.operations',
      },
    ],
  },
  {
    name: 'operations heard again',
    about: 'a snapshot that is older than what was heard brings its operations once more',
    breaks: ['G3'],
    edits: [{ file: 'client/session/session', find: 'channel.anew = true', replace: '' }],
  },
  {
    name: 'operations lost in replay',
    about: 'what was missed is applied, and its operations are not told',
    breaks: ['G11'],
    edits: [
      {
        file: 'client/session/session',
        find: 'for (const operation of operations ?? [])',
        replace: "for (const operation of (channel.status.state === 'live' && operations) || [])",
      },
    ],
  },
]

const writes: readonly Mutant[] = [
  {
    name: 'resolved before its effect',
    about: 'a write is done as soon as the server has answered',
    breaks: ['G6'],
    edits: [{ file: 'client/writes/queue', find: 'if (this.stream?.ended !== false)', replace: 'if (true)' }],
  },
  {
    name: 'overlay dropped early',
    about: 'a write is confirmed while its channel still catches up',
    breaks: ['G6'],
    edits: [
      {
        file: 'client/writes/queue',
        find: "if (subscription?.pending || (subscription?.position && subscription.phase !== 'live'))",
        replace: 'if (false)',
      },
    ],
  },
  {
    name: 'queue dropped on reconnect',
    about: 'writes that are under way when the connection ends are forgotten',
    breaks: ['G1', 'G6'],
    edits: [{ file: 'client/writes/queue', find: 'this.#generation++', replace: 'this.#mutations.clear()' }],
  },
  {
    name: 'retried under another key',
    about: 'a write that is sent again is another one for the server',
    breaks: ['G3'],
    edits: [
      {
        file: 'client/writes/queue',
        find: 'const result = await this.#attempt(url, request)',
        replace:
          "if (failures > 1) request.headers['idempotency-key'] = this.#runtime.uniqueId(); const result = await this.#attempt(url, request)",
      },
    ],
  },
]

export const clientMutants: readonly Mutant[] = [...rows, ...operations, ...writes]
