/** The part of Faye that the benchmarks use; it comes without types. */
declare module 'faye' {
  import type { Server } from 'node:http'

  export interface NodeAdapterOptions {
    readonly mount: string
    /** How long the server holds a connect, in seconds. */
    readonly timeout?: number
  }

  export interface FayeClient {
    publish(channel: string, data: unknown): PromiseLike<void>
  }

  export class NodeAdapter {
    constructor(options: NodeAdapterOptions)
    attach(server: Server): void
    getClient(): FayeClient
    close(): void
  }

  const faye: { readonly NodeAdapter: typeof NodeAdapter }
  export default faye
}
