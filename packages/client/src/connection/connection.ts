import type { Runtime } from '../runtime/runtime.ts'
import type { Fallback, Link, Transport } from '../transport/transport.ts'
import { type ConnectionEvent, type ConnectionState, decide, type EventOf } from './state.ts'

export interface ConnectionOwner {
  /** Messages may be sent: greet and subscribe. */
  greet(): void
  receive(text: string): void
  /** The transport is gone; what was under way is void. */
  dropped(): void
  /** Gets a new session and keeps it. `replaced`: the last one is another page's. Never rejects. */
  renew(replaced: boolean): Promise<EventOf<'renewed' | 'not-renewed'>>
  changed(state: ConnectionState, fallback: Fallback | undefined): void
}

/** The shell of the state machine: owns the transport and one timer, decides nothing. */
export class Connection {
  #current: ConnectionState = { kind: 'idle' }
  #link: Link | undefined
  #cancelTimer: (() => void) | undefined
  #timerAt = Infinity
  readonly #stopWaking: () => void
  readonly #runtime: Runtime
  readonly #transport: Transport
  readonly #url: string
  readonly #owner: ConnectionOwner

  constructor(runtime: Runtime, transport: Transport, url: string, owner: ConnectionOwner) {
    this.#runtime = runtime
    this.#transport = transport
    this.#url = url
    this.#owner = owner
    this.#stopWaking = runtime.onWake(() => this.tell({ kind: 'nudge' }))
  }

  get state(): ConnectionState {
    return this.#current
  }

  send(message: object): void {
    this.#link?.send(JSON.stringify(message))
  }

  tell(event: ConnectionEvent): void {
    const before = this.#current
    const [state, ...effects] = decide(before, event, this.#runtime.now(), this.#runtime.random())
    this.#current = state
    for (const effect of effects) {
      if (effect === 'drop') this.#drop()
      else if (effect === 'open') this.#open()
      else if (effect === 'greet') this.#owner.greet()
      else
        this.#owner
          .renew((event as { readonly code?: number }).code === 4409)
          .then((event) => this.tell(event))
    }
    this.#setTimer()
    if (event.kind === 'close') this.#stopWaking()
    if (before !== state) this.#owner.changed(this.#current, this.#link?.fallback)
  }

  #open(): void {
    const open: Link = this.#transport(this.#url, {
      opened: () => this.#link === open && this.tell({ kind: 'opened' }),
      message: (text) => {
        if (this.#link !== open) return
        this.tell({ kind: 'heard' })
        this.#owner.receive(text)
      },
      closed: (code, reason) => {
        if (this.#link !== open) return
        this.tell({ kind: 'lost', code, reason })
      },
    })
    this.#link = open
  }

  #drop(): void {
    const link = this.#link
    if (link === undefined) return
    this.#link = undefined
    link.close()
    this.#owner.dropped()
  }

  /** One timer, moved only when it would come too late: messages push the alarm away all the time. */
  #setTimer(): void {
    // States without an alarm have no such field.
    const { alarmAt = Infinity } = this.#current as { readonly alarmAt?: number }
    if (this.#timerAt <= alarmAt && alarmAt < Infinity) return
    this.#cancelTimer?.()
    this.#timerAt = alarmAt
    if (alarmAt === Infinity) return
    this.#cancelTimer = this.#runtime.timer(alarmAt - this.#runtime.now(), () => {
      this.#timerAt = Infinity
      this.tell({ kind: 'alarm' })
    })
  }
}
