import { VirtualRuntime } from '../runtime/virtual.ts'
import { runPresenceTests, testBounds } from './conformance.setup.ts'
import { MemoryPresence } from './memory.ts'

runPresenceTests('the memory of a node', () =>
  Promise.resolve({
    presence: new MemoryPresence(new VirtualRuntime(), testBounds),
    settled: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }),
)
