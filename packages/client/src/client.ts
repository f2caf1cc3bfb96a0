import type { Json, PageSession, PageState, WireError } from '@lockstep/protocol'
import type { ChannelOf } from './channel/channel.ts'
import { ChannelHandle, type ChannelOwner } from './channel/handle.ts'
import { Applier } from './collection/applier.ts'
import { Connection, type ConnectionOwner } from './connection/connection.ts'
import { connectingStatus, type Status, statusOf } from './connection/status.ts'
import { Listeners, type Report } from './listeners.ts'
import { platformRuntime } from './runtime/platform.ts'
import type { Runtime } from './runtime/runtime.ts'
import { Session } from './session/session.ts'
import { automaticTransport } from './transport/automatic.ts'
import type { Transport } from './transport/transport.ts'
import { errorOfReply } from './writes/error.ts'
import { WriteQueue } from './writes/queue.ts'
import { type Endpoint, restEndpoint } from './writes/writes.ts'

/** How long a channel is kept after nobody needs it any more. */
export const lingerMsDefault = 5_000

/** Anything with row types, as `defineSync` of the server makes it. */
export interface SyncTypes {
  readonly $rows?: object
}

/** Collection name to row type. */
export type RowsOf<S> = S extends { readonly $rows?: infer Rows }
  ? object extends NonNullable<Rows>
    ? Readonly<Record<string, unknown>>
    : NonNullable<Rows>
  : Readonly<Record<string, unknown>>

/** What a client begins with: what the server rendered into the page, or where the server is. */
export type ClientSource =
  | { readonly page: PageState }
  /** Without a session, `renew` is asked for one. */
  | { readonly url: string; readonly session?: PageSession }

export interface ClientOptions {
  /** False: no socket and no timer, for rendering on a server. `client.connect()` begins later. Default true. */
  readonly connect?: boolean
  /** Gets a session for these channels; by default from POST `<url>/session`. */
  readonly renew?: (channels: readonly string[]) => Promise<PageSession>
  /** Where the application's own API is, for collections' writes. Default `/api`. */
  readonly api?: string
  /** Chooses the request of a collection's write; by default POST, PATCH, DELETE under `api`. */
  readonly endpoint?: Endpoint
  /** How long a channel is kept after nobody needs it any more. Default 5 seconds. */
  readonly lingerMs?: number
  /** Hears of listeners that throw, and of what is not fatal. Default `console.error`. */
  readonly onError?: Report
  /** Default: WebSockets, and what gets through where they don't. */
  readonly transport?: Transport
  readonly runtime?: Runtime
}

export interface Client<S = SyncTypes> {
  /** The same object for the same name. Subscribes and stays until `leave()`, unless told not to. */
  channel(name: string, options?: { readonly subscribe?: boolean }): ChannelOf<RowsOf<S>>
  readonly status: Status
  onStatus(listener: (status: Status) => void): () => void
  /** Writes that have not ended. */
  readonly pendingWrites: number
  onPendingWrites(listener: (count: number) => void): () => void
  /** Id of the session, to be sent as `Lockstep-Session` with requests of one's own. */
  readonly sessionId: string
  /** Connects, or tries again now, also after a refusal; with a new session where one is given. */
  connect(session?: PageSession): void
  /** Ends everything. Pending writes reject with code `closed`. */
  close(): void
}

/** Makes a client. `S` is the type of the server's sync definition: `createClient<typeof sync>(...)`. */
export function createClient<S extends SyncTypes = SyncTypes>(
  source: ClientSource,
  options: ClientOptions = {},
): Client<S> {
  // Which rows there are is known to the type only; the implementation holds any.
  return new LiveClient(source, options) as unknown as Client<S>
}

class LiveClient implements ConnectionOwner, ChannelOwner {
  declare readonly applier: Applier
  declare readonly report: Report
  status: Status = connectingStatus
  readonly #statusListeners = new Listeners<[Status]>()
  readonly #runtime: Runtime
  readonly #lingerMs: number
  readonly #renewal: (channels: readonly string[]) => Promise<PageSession>
  readonly #writes: WriteQueue
  readonly #connection: Connection
  declare readonly session: Session
  declare closed: 'closed' | undefined
  readonly #url: string

  constructor(source: ClientSource, options: ClientOptions) {
    const {
      runtime = platformRuntime,
      transport = automaticTransport(runtime),
      onError = (error) => console.error(error),
      endpoint = restEndpoint(options.api ?? '/api'),
      lingerMs = lingerMsDefault,
      renew = () => this.#requestSession(),
      connect = true,
    } = options
    const { url, session } = 'page' in source ? source.page : source
    this.#url = url
    this.#runtime = runtime
    this.report = onError
    this.#lingerMs = lingerMs
    this.#renewal = renew
    this.applier = new Applier(onError)
    this.#writes = new WriteQueue(runtime, this.applier, endpoint, onError)
    this.#connection = new Connection(runtime, transport, url, this)
    this.session = new Session(runtime, this.applier, this.#connection, this.#writes, onError)
    this.#writes.stream = this.session
    if (session !== undefined) this.session.use(session)
    if ('page' in source) this.#showPage(source.page)
    if (connect) this.connect()
  }

  /** The page's rows show at once, and go on from their positions once connected. */
  #showPage({ snapshots }: PageState): void {
    this.applier.run('reset', () => {
      for (const snapshot of snapshots) {
        const handle = this.#handleOf(snapshot.channel)
        this.session.applySnapshot(handle, snapshot)
        handle.subscription.position = snapshot.position
        handle.ofPage = true
        handle.needs = 1
        handle.setStatus({ state: 'subscribing' })
      }
      return undefined
    })
    for (const handle of this.session.channels.values())
      for (const store of handle.stores.values()) store.keepInitial()
  }

  // ---- for applications -----------------------------------------------------------------------------

  channel(name: string, { subscribe = true }: { readonly subscribe?: boolean } = {}): unknown {
    const handle = this.#handleOf(name)
    if (subscribe) handle.pin()
    return handle.face
  }

  onStatus(listener: (status: Status) => void): () => void {
    return this.#statusListeners.add(listener)
  }

  get pendingWrites(): number {
    return this.#writes.count
  }

  onPendingWrites(listener: (count: number) => void): () => void {
    return this.#writes.onCount(listener)
  }

  get sessionId(): string {
    return this.session.id
  }

  connect(session?: PageSession): void {
    if (session !== undefined) this.session.use(session)
    this.#connection.tell({ kind: 'start', token: this.session.id !== '' })
  }

  close(): void {
    this.closed = 'closed'
    this.#connection.tell({ kind: 'close' })
    this.#writes.close()
    for (const handle of this.session.channels.values()) handle.stop()
  }

  // ---- for channels ---------------------------------------------------------------------------------

  #handleOf(name: string): ChannelHandle {
    const { channels } = this.session
    const handle = channels.get(name) ?? new ChannelHandle(name, this)
    channels.set(name, handle)
    return handle
  }

  wanted(channel: ChannelHandle, wanted: boolean): void {
    this.session.want(channel, wanted)
  }

  linger(run: () => void): () => void {
    return this.#runtime.timer(this.#lingerMs, run)
  }

  uniqueId(): string {
    return this.#runtime.uniqueId()
  }

  write(...write: Parameters<WriteQueue['write']>): Promise<Json | undefined> {
    return this.#writes.write(...write)
  }

  writeRow(...write: Parameters<WriteQueue['writeRow']>): Promise<Json | undefined> {
    return this.#writes.writeRow(...write)
  }

  // ---- for the connection ---------------------------------------------------------------------------

  greet(): void {
    this.session.greet()
  }

  receive(text: string): void {
    this.session.receive(text)
  }

  dropped(): void {
    this.session.disconnected()
  }

  changed(...now: Parameters<ConnectionOwner['changed']>): void {
    const status = statusOf(...now)
    if (JSON.stringify(status) === JSON.stringify(this.status)) return
    this.status = status
    if (status.state === 'refused') this.#writes.ended()
    this.#statusListeners.tell(this.report, status)
  }

  async renew(replaced: boolean): ReturnType<ConnectionOwner['renew']> {
    // A copy of the page goes on under the same session: what it does is another's.
    if (replaced) this.session.ids.clear()
    const needed = [...this.session.channels.values()].filter(({ needs }) => needs > 0)
    try {
      const session = await this.#renewal(needed.map(({ name }) => name))
      // One that comes when another is in use already is too late.
      if (this.status === connectingStatus) this.session.use(session)
      return { kind: 'renewed' }
    } catch (cause) {
      const error = wireErrorOf(cause)
      return { kind: 'not-renewed', final: !error.retryable, error }
    }
  }

  /** For all channels, not for those needed now: others will be asked for later, and `authorize` decides. */
  async #requestSession(): Promise<PageSession> {
    const reply = await this.#runtime.fetch(`${this.#url}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    // What the session endpoint answers; its token is checked by the server that gets it back.
    const body = JSON.parse(await reply.text()) as Json
    if (reply.status < 300) return body as unknown as PageSession
    throw errorOfReply(reply.status, body)
  }
}

/** A refusal has a code and is not worth repeating; everything else may pass. */
function wireErrorOf(cause: unknown): WireError {
  const { code, status, retryable, message = cause } = Object(cause)
  const final = typeof code === 'string' && retryable === false && !(status >= 500)
  return {
    code: final ? code : 'offline',
    message: String(message),
    retryable: !final,
  }
}
