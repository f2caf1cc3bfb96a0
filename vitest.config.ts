import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests run against the sources, not the last build. Longer names first: the first match counts.
    alias: [
      { find: '@lockstep/client/backbone', replacement: source('packages/client/src/backbone/index.ts') },
      {
        find: '@lockstep/client/operations',
        replacement: source('packages/client/src/operations/index.ts'),
      },
      { find: '@lockstep/client/locks', replacement: source('packages/client/src/locks/index.ts') },
      { find: '@lockstep/client/react/locks', replacement: source('packages/client/src/react/locks.ts') },
      { find: '@lockstep/client/presence', replacement: source('packages/client/src/presence/index.ts') },
      {
        find: '@lockstep/client/react/presence',
        replacement: source('packages/client/src/react/presence.ts'),
      },
      { find: '@lockstep/client/react', replacement: source('packages/client/src/react/index.ts') },
      { find: '@lockstep/client', replacement: source('packages/client/src/index.ts') },
      { find: '@lockstep/protocol', replacement: source('packages/protocol/src/index.ts') },
      { find: '@lockstep/server/embedded', replacement: source('packages/server/src/embedded/index.ts') },
      { find: '@lockstep/server/stages', replacement: source('packages/server/src/stages.ts') },
      { find: '@lockstep/server', replacement: source('packages/server/src/index.ts') },
      { find: '@lockstep/testing/gherkin', replacement: source('packages/testing/src/gherkin/index.ts') },
      { find: '@lockstep/testing', replacement: source('packages/testing/src/index.ts') },
    ],
  },
  test: {
    include: ['{packages,apps,bench,sim,tests,scripts}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    globalSetup: ['tests/cluster.setup.ts'],
    pool: 'forks',
    // Many tests wait for real things most of their time: two cores have room for two of them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
})
