/**
 * Who may import whom. A folder may import itself, and what stands here; nothing else of ours.
 * Paths are from the root; a name in `packages/server/src` is a folder there.
 */
export const packageArrows: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol': [],
  'packages/client': ['@lockstep/protocol'],
  'packages/server': ['@lockstep/protocol'],
  'packages/testing': ['@lockstep/server', '@lockstep/server/stages', '@lockstep/server/embedded'],
  'apps/scrum': [
    '@lockstep/protocol',
    '@lockstep/client',
    '@lockstep/client/operations',
    '@lockstep/client/locks',
    '@lockstep/client/react',
    '@lockstep/client/presence',
    '@lockstep/client/react/locks',
    '@lockstep/client/react/presence',
    '@lockstep/server',
    '@lockstep/server/embedded',
  ],
  'apps/todos': [
    '@lockstep/protocol',
    '@lockstep/client',
    '@lockstep/client/backbone',
    '@lockstep/server',
    '@lockstep/server/embedded',
  ],
  sim: [
    '@lockstep/protocol',
    '@lockstep/client',
    '@lockstep/client/operations',
    '@lockstep/client/locks',
    '@lockstep/client/presence',
    '@lockstep/server',
    '@lockstep/server/stages',
    '@lockstep/testing',
  ],
  bench: [
    '@lockstep/protocol',
    '@lockstep/client',
    '@lockstep/client/react',
    '@lockstep/server',
    '@lockstep/server/stages',
    '@lockstep/server/embedded',
    '@lockstep/testing',
  ],
}

/** Stages of the server: the way of a change is read from bottom to top. */
export const serverArrows: Readonly<Record<string, readonly string[]>> = {
  // It runs whole servers, so it knows how they are put together.
  cli: [
    'server.ts',
    'setup',
    'definition',
    'embedded',
    'source',
    'session',
    'write',
    'publish',
    'observe',
    'callback',
    'transport',
  ],
  // It looks at all stages, and none of them knows it.
  inspector: ['bus', 'hub', 'lock', 'log', 'presence', 'session', 'source', 'write'],
  callback: ['session', 'setup', 'write'],
  http: ['hub', 'session', 'snapshot', 'write'],
  transport: ['hub', 'log', 'session'],
  hub: ['log', 'session', 'snapshot', 'lock', 'presence'],
  snapshot: ['log', 'source', 'bus', 'routing'],
  log: ['bus', 'routing'],
  bus: ['routing'],
  routing: ['source', 'bus'],
  source: [],
  publish: ['write', 'setup', 'source'],
  observe: ['source', 'routing', 'setup'],
  write: ['setup'],
  session: ['setup'],
  lock: [],
  presence: [],
  setup: ['source'],
  embedded: [],
  definition: [],
  fault: [],
  runtime: [],
}

/** What every stage of the server may import. */
export const serverGround: readonly string[] = ['definition', 'fault', 'runtime', 'limits.ts']

/** Files of the server that know all stages: the composition and what it exports. */
export const serverRoots: readonly string[] = [
  'index.ts',
  'server.ts',
  'engine.ts',
  'inside.ts',
  'stages.ts',
  'attach.ts',
]

/**
 * Places outside `runtime/` that may read clocks, set timers or draw random numbers themselves, and why.
 */
export const impureAllowed: Readonly<Record<string, string>> = {
  'packages/client/src/runtime/': 'this is the runtime',
  'packages/server/src/runtime/': 'this is the runtime',
  'packages/server/src/embedded/': 'works with processes and files of the operating system, never simulated',
  'packages/testing/src/': 'waits for real sockets, processes and browsers',
  'sim/src/chaos/': 'breaks real processes in real time',
  'sim/src/clock/': 'runs on turns of the real event loop, and forbids the rest',
  'sim/src/mutants/hunt.ts': 'says how long a hunt took',
  'sim/src/postgres/agreement/real-postgres.ts': 'waits for a real Postgres',
  'sim/src/postgres/step-clock.ts': 'lets promises settle on turns of the real event loop',
  'sim/src/run/summary.ts': 'says how long a run took',
}

/** File names that say nothing about what is inside. */
export const bannedNames: RegExp =
  /^(utils?|helpers?|commons?|types?|managers?|handlers?|misc|shared)(\.|$)|[-.](utils?|helpers?|manager|handler)\./i

export const linesMax = 400
