export type {
  Channel,
  ChannelOf,
  ChannelStatus,
  OperationContext,
  OperationListener,
  RowOf,
} from './channel/channel.ts'
export {
  type Client,
  type ClientOptions,
  type ClientSource,
  createClient,
  type RowsOf,
  type SyncTypes,
} from './client.ts'
export type { Changes, Collection, Key, Origin } from './collection/collection.ts'
export type { Status } from './connection/status.ts'
export { platformRuntime } from './runtime/platform.ts'
export type { HttpReply, HttpRequest, Runtime } from './runtime/runtime.ts'
export { automaticTransport } from './transport/automatic.ts'
export type { Fallback, Link, Transport, TransportEvents } from './transport/transport.ts'
export { type WebSocketClass, webSocketTransport } from './transport/websocket.ts'
export { WriteError } from './writes/error.ts'
export type { Endpoint, EndpointRequest, OptimisticTransaction, WriteRequest } from './writes/writes.ts'
