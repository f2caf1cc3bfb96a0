import { LockstepError, type Operation } from '@lockstep/protocol'
import type { Runtime } from '../runtime/runtime.ts'
import { readBounded } from '../write/body.ts'
import type { CallbackEvent, CallbackLimits, CallbackOptions } from './callback.ts'
import { signCallback } from './signature.ts'

export interface BackendParts {
  readonly options: CallbackOptions
  readonly limits: CallbackLimits
  readonly runtime: Runtime
}

/** What the backend answered to a subscribe. */
export type SubscribeAnswer =
  | { readonly kind: 'granted'; readonly operations: readonly Operation[] }
  | { readonly kind: 'refused' }
  /** It could not be asked, or could not say: `reason` is for the log. */
  | { readonly kind: 'silent'; readonly reason: string }

/** Statuses that say: not now. */
const passing: ReadonlySet<number> = new Set([408, 425, 429])

/** The application's backend, as far as it can be asked and told over HTTP. */
export class Backend {
  readonly #parts: BackendParts
  readonly #base: URL
  readonly #secret: string

  /** @throws TypeError for an address or a secret that is none */
  constructor(parts: BackendParts) {
    const { url, secret } = parts.options
    const [first, ...others] = typeof secret === 'string' ? [secret] : secret
    if (first === undefined || [first, ...others].some((one) => one.length < 32)) {
      throw new TypeError('A secret for callbacks has at least 32 characters.')
    }
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      throw new TypeError('The address of callbacks begins with http:// or https://.')
    }
    this.#parts = parts
    this.#secret = first
    this.#base = new URL(url)
  }

  /** Asks whether a subscriber may come. Never rejects. */
  async ask(event: CallbackEvent): Promise<SubscribeAnswer> {
    const answer = await this.#send(event, 1)
    if (typeof answer === 'string') return { kind: 'silent', reason: answer }
    const { status } = answer
    if (status >= 500 || passing.has(status)) return { kind: 'silent', reason: `status ${status}` }
    if (status !== 200) return { kind: 'refused' }
    const operations = operationsOf(answer)
    return operations === undefined
      ? { kind: 'silent', reason: 'an answer that is no list of messages' }
      : { kind: 'granted', operations }
  }

  /** Tells an event. Undefined: the backend has taken it, or wants no more of it; else why not. Never rejects. */
  async tell(event: CallbackEvent, attempt: number): Promise<string | undefined> {
    const answer = await this.#send(event, attempt)
    if (typeof answer === 'string') return answer
    const { status } = answer
    const isTaken = (status >= 200 && status <= 299) || status === 410
    return isTaken ? undefined : `status ${status}`
  }

  /** The answer, or what went wrong. */
  async #send(event: CallbackEvent, attempt: number): Promise<Answer | string> {
    const { runtime, limits, options } = this.#parts
    const { method = 'GET' } = options
    const facts = factsOf(event, attempt)
    const url = new URL(this.#base)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${event.kind}`
    if (method === 'GET') for (const [name, value] of facts) url.searchParams.append(name, value)
    const body = method === 'GET' ? '' : facts.toString()
    const target = url.pathname + url.search
    const controller = new AbortController()
    const timer = runtime.timer(limits.answerMs, () => controller.abort())
    try {
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        signal: controller.signal,
        headers: {
          accept: 'application/json',
          ...(method === 'GET' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          ...signCallback(this.#secret, { method, target, body }, runtime.now()),
        },
        ...(method === 'GET' ? {} : { body }),
      })
      const bounds = { requestBytesMax: limits.answerBytesMax, requestMs: limits.answerMs }
      const bytes = await readBounded(response.body, bounds, runtime)
      const text = new TextDecoder().decode(bytes)
      return { status: response.status, contentType: response.headers.get('content-type') ?? '', text }
    } catch (error) {
      if (controller.signal.aborted) return `no answer within ${limits.answerMs} ms`
      if (error instanceof LockstepError) return error.code
      return causeOf(error)
    } finally {
      timer.cancel()
    }
  }
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

function factsOf(event: CallbackEvent, attempt: number): URLSearchParams {
  const facts = new URLSearchParams({
    session_id: event.session,
    user_id: event.user,
    number: String(event.number),
    at: String(event.at),
    attempt: String(attempt),
  })
  if (event.channel !== undefined) facts.set('channel', event.channel)
  if (event.issuedAt !== undefined) facts.set('issued_at', event.issuedAt)
  return facts
}

/** The messages in an answer: a JSON list of `{operation, envelope}`, or an object with it; undefined: unreadable. */
function operationsOf({ contentType, text }: Answer): readonly Operation[] | undefined {
  if (text === '' || !/^application\/(?:[\w.-]+\+)?json\s*(;|$)/i.test(contentType)) return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (value === null) return []
  const list = typeof value === 'object' && 'operations' in value ? value.operations : value
  if (!Array.isArray(list)) return typeof value === 'object' ? [] : undefined
  const operations: Operation[] = []
  for (const item of list) {
    const fields = new Map<string, unknown>(Object.entries(item ?? {}))
    const operation = fields.get('operation')
    if (typeof operation !== 'string' || operation === '') return undefined
    // It came as JSON, so it is JSON.
    operations.push({ operation, envelope: (fields.get('envelope') ?? null) as Operation['envelope'] })
  }
  return operations
}

/** Why a request failed, without addresses. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return error instanceof Error ? error.name : 'unknown'
}
