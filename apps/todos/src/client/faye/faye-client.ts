/** What Faye's own client is, as far as it is used here. */
export interface FayeClient {
  addExtension(extension: object): void
  on(event: 'transport:up' | 'transport:down', listener: () => void): void
  subscribe(channel: string, listener: (message: unknown) => void): PromiseLike<void>
}

declare global {
  /** What the script `/bayeux/client.js` brings. */
  const Faye: {
    readonly Client: new (address: string, options?: { readonly retry?: number }) => FayeClient
  }
}
