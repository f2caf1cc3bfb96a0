/**
 * The stages one by one, for benchmarks and simulators that put others in their place. Applications use
 * `createSyncServer`; what is exported here changes without notice.
 */
export { EmbeddedBus } from './bus/embedded.ts'
export { compileSync } from './definition/compile.ts'
export type { Collection, Sync } from './definition/definition.ts'
export { Engine, type EngineParts } from './engine.ts'
export { encodeFrame } from './log/frame.ts'
export { MemoryLog } from './log/memory.ts'
export { Router } from './routing/router.ts'
export { nodeRuntime } from './runtime/node.ts'
export type { SnapshotReader } from './snapshot/snapshot.ts'
export type { JsonBytes } from './source/json-bytes.ts'
export { postgresSource } from './source/postgres.ts'
export type { Source, SourceSink, SourceStatus, Tuple } from './source/source.ts'
export { ReplicationStream } from './source/stream.ts'
