/** Keeps a Backbone collection up to date with what a Faye client gets on a channel. */
export declare class FayeSubscriber {
  readonly subscription: PromiseLike<unknown> & { cancel(): void }
  constructor(client: object, collection: object, channel: string)
}
