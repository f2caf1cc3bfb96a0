export { embedJson, LockstepError } from '@lockstep/protocol'
export type { CallbackLimits, CallbackOptions } from './callback/callback.ts'
export { type SignedRequest, verifyCallback } from './callback/signature.ts'
export { defineConfig, type LockstepConfig } from './cli/lockstep-config.ts'
export { collection, defineSync } from './definition/define.ts'
export type { Audience, ChannelRule, CollectionRule, SyncDefinition, User } from './definition/definition.ts'
export type { ExternalType } from './definition/external.ts'
export { assertDatabaseUrl, connectionFault } from './fault/connection.ts'
export type { InspectorOptions } from './inspector/inspector.ts'
export type { Limits } from './limits.ts'
export { defaultLimits } from './limits.ts'
export type {
  ObserveContext,
  ObservedChange,
  ObservedOperation,
  ObserveOptions,
  Observer,
  ObserverStatus,
  Reaction,
} from './observe/observe.ts'
export type { IssueOptions } from './publish/issuer.ts'
export type { PublishOptions } from './publish/publish.ts'
export type { Logger } from './runtime/logger.ts'
export { silentLogger } from './runtime/logger.ts'
export type { Runtime, Timer } from './runtime/runtime.ts'
export { createSyncServer, type SyncServer, type SyncServerOptions, type SyncServerStatus } from './server.ts'
export type {
  LifeCycleEvent,
  SessionAnswer,
  SessionEvent,
  SessionHook,
  SubscribeEvent,
} from './session/event.ts'
export { type Fault, type FaultCode, type Note, SetupError } from './setup/setup.ts'
export type { BayeuxOptions } from './transport/bayeux/bayeux.ts'
export type { BayeuxExtension } from './transport/bayeux/extensions.ts'
export type { OpenRule } from './transport/bayeux/open.ts'
export type { JuggernautOptions } from './transport/juggernaut/juggernaut.ts'
export { drizzleTransactions, pgTransactions } from './write/adapters.ts'
export { announce } from './write/announce.ts'
export type { Broadcast, BroadcastResponse } from './write/broadcast.ts'
export {
  type BroadcastChannel,
  type BroadcastOptions,
  type ExpressRequest,
  expressBroadcast,
  type HonoContext,
  honoBroadcast,
} from './write/middleware.ts'
export type {
  Execute,
  Transactions,
  WriteFunction,
  WriteOptions,
  WriteResult,
  Writer,
  WriteTransaction,
} from './write/write.ts'
