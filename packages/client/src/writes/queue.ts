import type { Confirmed, Json, Row, TransactionMessage } from '@lockstep/protocol'
import type { ChannelHandle } from '../channel/handle.ts'
import type { Applier } from '../collection/applier.ts'
import { temporaryPrefix } from '../collection/key.ts'
import type { Effect } from '../collection/store.ts'
import { backoffMs } from '../connection/backoff.ts'
import { Listeners, type Report } from '../listeners.ts'
import type { HttpRequest, Runtime } from '../runtime/runtime.ts'
import type { Confirmations } from '../session/confirmations.ts'
import { errorOfReply, WriteError } from './error.ts'
import { Gate, type Mutation } from './mutation.ts'
import type { Endpoint, OptimisticTransaction, WriteRequest } from './writes.ts'

/** How long a write is sent again after failures before it is given up; time asleep does not count. */
export const writeRetryMs = 60_000
/** How long one request may go without a reply. */
export const replyMs = 30_000
/** How long after the reply the stream may take before a barrier is asked for. */
export const confirmMs = 2_000

/** What the writes need of the session. */
export interface Stream {
  readonly id: string
  readonly live: boolean
  /** Whether nothing will come until the application does something. */
  readonly ended: boolean
  readonly channels: ReadonlyMap<string, ChannelHandle>
  askBarrier(): number
}

/**
 * Pending writes: shown at once, one request each, kept on top of the confirmed rows until their own
 * transaction has come back through the stream (G6) or the server has refused them.
 */
export class WriteQueue implements Confirmations {
  readonly #mutations = new Map<string, Mutation>()
  readonly #listeners = new Listeners<[number]>()
  readonly #wakers = new Set<() => void>()
  readonly #timers = new Set<() => void>()
  #generation = 0
  #closed = false
  readonly #runtime: Runtime
  readonly #applier: Applier
  readonly #endpoint: Endpoint
  readonly #report: Report
  /** Set by the client, because the session needs the writes first. */
  declare stream: Stream | undefined

  constructor(runtime: Runtime, applier: Applier, endpoint: Endpoint, report: Report) {
    this.#runtime = runtime
    this.#applier = applier
    this.#endpoint = endpoint
    this.#report = report
  }

  /** Writes that have not ended. */
  get count(): number {
    return this.#mutations.size
  }

  onCount(listener: (count: number) => void): () => void {
    return this.#listeners.add(listener)
  }

  // ---- beginning ------------------------------------------------------------------------------------

  writeRow(effect: Effect, attributes: Row): Promise<Json | undefined> {
    const { store, action } = effect
    return this.#begin([effect], () => {
      const key =
        action === 'create' && effect.key.startsWith(temporaryPrefix) ? undefined : store.realKey(effect.key)
      return this.#endpoint({ channel: store.channel, collection: store.name, action, key, attributes })
    })
  }

  async write(channel: ChannelHandle, request: WriteRequest): Promise<Json | undefined> {
    const effects: Effect[] = []
    const transaction: OptimisticTransaction = {
      create(collection, attributes) {
        const effect = channel.collection(collection).creation(attributes)
        effects.push(effect)
        return effect.key
      },
      update(collection, key, attributes) {
        effects.push(channel.collection(collection).effect('update', key, attributes))
      },
      destroy(collection, key) {
        effects.push(channel.collection(collection).effect('destroy', key, {}))
      },
    }
    request.optimistic?.(transaction)
    return this.#begin(effects, () => request)
  }

  #begin(effects: readonly Effect[], request: Mutation['request']): Promise<Json | undefined> {
    if (this.#closed) return Promise.reject(new WriteError('closed', 'The client was closed.'))
    return new Promise((resolve, reject) => {
      const mutation: Mutation = {
        id: this.#runtime.uniqueId(),
        effects,
        showing: new Set(effects),
        request,
        generation: this.#generation,
        replied: new Gate(),
        finished: new Gate(),
        confirmed: false,
        resolve,
        reject,
      }
      const ahead = this.#aheadOf(mutation)
      this.#mutations.set(mutation.id, mutation)
      this.#applier.run('local', () => {
        for (const effect of effects) effect.store.addEffect(effect)
        return () => this.#counted()
      })
      // What throws here is the application's: its endpoint, or a body that is no JSON.
      this.#send(mutation, ahead).catch((error) => this.#fail(mutation, error))
    })
  }

  /** Earlier writes of the same rows: the server must get them first, so that the last one wins. */
  #aheadOf({ effects }: Mutation): Promise<void>[] {
    const ahead: Promise<void>[] = []
    for (const other of this.#mutations.values()) {
      for (const mine of effects) {
        // The real key of a new row is known for sure only when its creation has come back.
        if (other.effects.some(({ store, key }) => store === mine.store && key === mine.key))
          ahead.push((mine.key.startsWith(temporaryPrefix) ? other.finished : other.replied).passed)
      }
    }
    return ahead
  }

  // ---- HTTP -----------------------------------------------------------------------------------------

  async #send(mutation: Mutation, ahead: readonly Promise<void>[]): Promise<void> {
    if (ahead.length > 0) await Promise.all(ahead)
    for (const { store, key, action } of mutation.effects) {
      if (action !== 'create' && store.realKey(key).startsWith(temporaryPrefix)) {
        this.#fail(mutation, new WriteError('not_found', 'There is no row.'))
        return
      }
    }
    const { method = 'POST', url, body } = mutation.request()
    const headers: Record<string, string> = {
      'idempotency-key': mutation.id,
      'lockstep-session': this.stream?.id ?? '',
    }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const request = { method, headers, body: JSON.stringify(body) }
    let countedAt = this.#runtime.now()
    let leftMs = writeRetryMs
    for (let failures = 1; this.#mutations.has(mutation.id); failures++) {
      const result = await this.#attempt(url, request)
      if (!(result instanceof WriteError)) {
        this.#answered(mutation, result.body)
        return
      }
      const now = this.#runtime.now()
      // No try takes longer, unless the computer was asleep.
      leftMs -= Math.min(now - countedAt, replyMs)
      countedAt = now
      if (!worthRepeating(result) || leftMs <= 0) {
        this.#fail(mutation, result)
        return
      }
      await this.#sleep(backoffMs(failures, this.#runtime.random()))
    }
  }

  async #attempt(
    url: string,
    request: HttpRequest,
  ): Promise<WriteError | { readonly body: Json | undefined }> {
    let cancel = (): void => {}
    const late = new Promise<never>((_, reject) => {
      cancel = this.#timer(replyMs, reject)
    })
    try {
      const reply = await Promise.race([this.#runtime.fetch(url, request), late])
      const body = readJson(await Promise.race([reply.text(), late]))
      return reply.status < 400 ? { body } : errorOfReply(reply.status, body)
    } catch {
      return new WriteError('offline', 'No answer.', 0, true)
    } finally {
      cancel()
    }
  }

  /** A timer that ends with the client. */
  #timer(ms: number, run: () => void): () => void {
    const stop = this.#runtime.timer(ms, () => {
      this.#timers.delete(cancel)
      run()
    })
    const cancel = (): void => {
      this.#timers.delete(cancel)
      stop()
    }
    this.#timers.add(cancel)
    return cancel
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const cancel = this.#timer(ms, wake)
      this.#wakers.add(wake)
    })
  }

  #answered(mutation: Mutation, body: Json | undefined): void {
    mutation.reply = body
    mutation.answered = true
    for (const { store, key, action } of mutation.effects) {
      if (action !== 'create' || !key.startsWith(temporaryPrefix)) continue
      // What it is is read as a row; where it is none, it has no key column and nothing is learnt.
      store.learnKey(key, Object(body))
      if (!mutation.confirmed) continue
      this.#applier.run('local', () => {
        store.adopt(key)
        return undefined
      })
    }
    mutation.replied.open()
    if (this.stream?.ended !== false) mutation.resolve(body)
    if (mutation.confirmed) this.#finish(mutation)
    else if (mutation.generation !== this.#generation) this.#askBarrier()
    else {
      this.#timer(confirmMs, () => {
        mutation.generation = -1
        this.#askBarrier()
      })
    }
  }

  #fail(mutation: Mutation, error: WriteError): void {
    if (!this.#mutations.has(mutation.id)) return
    mutation.replied.open()
    if (mutation.confirmed) {
      // It did happen; only the reply was lost.
      this.#finish(mutation)
      return
    }
    this.#mutations.delete(mutation.id)
    this.#applier.run('refused', () => {
      for (const effect of mutation.showing) effect.store.removeEffect(effect)
      return () => {
        this.#counted()
        mutation.reject(error)
        mutation.finished.open()
      }
    })
  }

  // ---- the stream -----------------------------------------------------------------------------------

  confirm(id: string, transaction?: TransactionMessage): undefined | (() => void) {
    const mutation = this.#mutations.get(id)
    if (mutation === undefined) return undefined
    if (transaction !== undefined) learnKeys(mutation, transaction)
    for (const effect of mutation.showing) {
      const { store, key, action } = effect
      const subscription = this.stream?.channels.get(store.channel)?.subscription
      if (subscription?.pending || (subscription?.position && subscription.phase !== 'live')) {
        // The effect is among what that channel holds back, or is yet to be asked for: what is shown in its place stays.
        // Nobody looks at the position of a confirmation.
        subscription.held.push({ type: 'confirmed', mutation: id } as Confirmed)
        mutation.barrier = undefined
        continue
      }
      store.removeEffect(effect)
      mutation.showing.delete(effect)
      if (action === 'create') store.adopt(key)
    }
    if (mutation.showing.size > 0) return undefined
    mutation.confirmed = true
    return () => {
      if (mutation.answered) this.#finish(mutation)
    }
  }

  barrier(id: number): () => void {
    const after = [...this.#mutations.values()].map((mutation) =>
      mutation.barrier === id ? this.confirm(mutation.id) : undefined,
    )
    return () => {
      for (const run of after) run?.()
    }
  }

  barrierFailed(id: number): void {
    const waiting = [...this.#mutations.values()].filter((mutation) => mutation.barrier === id)
    for (const mutation of waiting) mutation.barrier = undefined
    if (waiting.length > 0) this.#timer(confirmMs, () => this.#askBarrier())
  }

  live(): void {
    for (const wake of [...this.#wakers]) wake()
    this.#askBarrier()
  }

  /** The stream has ended for now: what the server has answered counts. */
  ended(): void {
    for (const { answered, resolve, reply } of this.#mutations.values()) if (answered) resolve(reply)
  }

  disconnected(): void {
    this.#generation++
    for (const mutation of this.#mutations.values()) mutation.barrier = undefined
  }

  /** For answered writes that the stream may have confirmed while nobody listened. */
  #askBarrier(): void {
    if (this.stream?.live !== true) return
    const waiting = [...this.#mutations.values()].filter(
      ({ answered, confirmed, barrier, generation }) =>
        answered && !confirmed && barrier === undefined && generation !== this.#generation,
    )
    if (waiting.length === 0) return
    const id = this.stream.askBarrier()
    for (const mutation of waiting) mutation.barrier = id
  }

  // ---- ending ---------------------------------------------------------------------------------------

  #finish(mutation: Mutation): void {
    if (!this.#mutations.delete(mutation.id)) return
    this.#counted()
    mutation.resolve(mutation.reply)
    mutation.finished.open()
  }

  #counted(): void {
    this.#listeners.tell(this.#report, this.#mutations.size)
  }

  close(): void {
    this.#closed = true
    for (const mutation of [...this.#mutations.values()])
      this.#fail(mutation, new WriteError('closed', 'The client was closed.'))
    for (const end of [...this.#wakers, ...this.#timers]) end()
  }
}

/** A transaction that creates one row where the mutation did names that row. */
function learnKeys({ effects }: Mutation, { channel, changes }: TransactionMessage): void {
  for (const { store, key, action } of effects) {
    if (action !== 'create' || !key.startsWith(temporaryPrefix) || store.channel !== channel) continue
    const [only, ...others] = Object.keys(changes[store.name]?.create ?? {})
    if (only !== undefined && others.length === 0) store.learnKey(key, only)
  }
}

/** What an application answers is any JSON; what is none is taken as text. */
function readJson(text: string): Json | undefined {
  try {
    return text === '' ? undefined : (JSON.parse(text) as Json)
  } catch {
    return text
  }
}

/** Failures that pass by themselves, and after which the same key does no harm. */
function worthRepeating({ status }: WriteError): boolean {
  return status === 0 || status === 429 || (status >= 502 && status <= 504)
}
