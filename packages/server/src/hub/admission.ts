import { LockstepError, type Operation } from '@lockstep/protocol'
import type { Session } from '../session/session.ts'
import type { SessionTeller } from '../session/teller.ts'
import type { Authoriser, Grant } from './authoriser.ts'
import type { Subscription } from './subscription.ts'

/** As what a subscriber is let in, and what the application has for it alone. */
export interface Admitted extends Grant {
  readonly operations: readonly Operation[]
}

/** Asks whether a subscription may begin: first for the right to see the channel, then whoever hears of sessions. */
export class Admission {
  readonly #authoriser: Authoriser
  readonly #teller: SessionTeller

  constructor(authoriser: Authoriser, teller: SessionTeller) {
    this.#authoriser = authoriser
    this.#teller = teller
  }

  /** Asks for the right again where that was demanded meanwhile; the application hears of one subscribe once. */
  async ask(subscription: Subscription, session: Session): Promise<Admitted | LockstepError> {
    let operations: readonly Operation[] | undefined
    for (;;) {
      const asks = ++subscription.asks
      const answer = await this.#authoriser.ask(session, subscription.channel)
      if (subscription.state === 'ended') return new LockstepError('no_channel')
      if (subscription.asks !== asks) continue
      if (answer instanceof LockstepError) return answer
      if (operations === undefined) {
        if (!this.#teller.listens) return { ...answer, operations: [] }
        const told = await this.#teller.askSubscribe(session, subscription.channel)
        if (told instanceof LockstepError) return told
        operations = told
      }
      if (subscription.asks === asks) return { ...answer, operations }
    }
  }
}
