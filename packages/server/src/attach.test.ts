import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { attach } from './attach.ts'
import { silentLogger } from './runtime/logger.ts'

test('gives the server back as it was, once, however often it is undone', () => {
  const server = createServer(() => {})
  const before = server.listeners('request')
  const undo = attach(server, {
    path: '/lockstep',
    origins: [],
    trustProxy: false,
    logger: silentLogger,
    handle: async () => undefined,
    upgrade() {},
    carry: async () => {},
  })
  expect(server.listeners('request')).not.toEqual(before)
  undo()
  undo()
  expect(server.listeners('request')).toEqual(before)
  expect(server.listenerCount('upgrade')).toBe(0)
})
