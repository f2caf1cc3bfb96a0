/** As FayeSubscriber of the guide "Coming from Faye", but one that may be told things twice. */
export declare class PatientSubscriber {
  readonly subscription: PromiseLike<unknown> & { cancel(): void }
  constructor(client: object, collection: object, channel: string)
  receive(message: {
    readonly create?: Readonly<Record<string, object>>
    readonly update?: Readonly<Record<string, object>>
    readonly destroy?: Readonly<Record<string, object>>
  }): void
}
