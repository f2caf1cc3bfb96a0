import { LockstepError } from '@lockstep/protocol'
import type { Authoriser, Grant } from './authoriser.ts'
import type { Connection } from './connection.ts'
import type { Subscription } from './subscription.ts'

/** What follows from other rights than before. */
export interface RightsHooks {
  /** The connection has been closed. */
  end(): void
  /** The session may not see the channel any more. */
  lose(channel: string): void
  /** It may see it as another audience. */
  become(subscription: Subscription, grant: Grant): void
}

/** Asks again whether a connection's session may see its channels; what it lost goes at once (G9). */
export async function askAgain(
  connection: Connection,
  authoriser: Authoriser,
  hooks: RightsHooks,
): Promise<void> {
  await Promise.all([
    askForLeft(connection, authoriser, hooks),
    ...[...connection.subscriptions.values()].map(async (subscription) => {
      // One that is still being authorised was asked on its own, possibly before the change: it asks again.
      if (subscription.state === 'authorizing') subscription.asks++
      else {
        subscription.asked = askOne(connection, subscription, authoriser, hooks)
        await subscription.asked
      }
    }),
  ])
}

/** What was sent of channels that the session has left meanwhile must not leave either, where it may not any more. */
async function askForLeft(
  connection: Connection,
  authoriser: Authoriser,
  hooks: Pick<RightsHooks, 'end'>,
): Promise<void> {
  const { session, carrier } = connection
  if (session === undefined || !carrier.waiting) return
  await Promise.all(
    [...(connection.left ?? [])].map(async ([channel, view]) => {
      const answer = await authoriser.ask(session, channel)
      if (connection.closed || !carrier.waiting) return
      if (!(answer instanceof LockstepError) && answer.view === view) return
      carrier.terminate()
      hooks.end()
    }),
  )
}

async function askOne(
  connection: Connection,
  subscription: Subscription,
  authoriser: Authoriser,
  hooks: RightsHooks,
): Promise<void> {
  const { session } = connection
  if (session === undefined) return
  const asks = ++subscription.asks
  const answer = await authoriser.ask(session, subscription.channel)
  const isSame = !(answer instanceof LockstepError) && answer.view === subscription.view
  if (subscription.state === 'ended') {
    // It was left while the application was asked. What was sent of it before may not have gone yet.
    if (!isSame && connection.carrier.waiting) {
      connection.carrier.terminate()
      hooks.end()
    }
    return
  }
  // A newer question decides: whoever asked this one is not told before that one is answered.
  if (subscription.asks !== asks) return subscription.asked
  if (isSame) return
  if (connection.carrier.waiting) {
    // What was sent under the old rights and has not left yet must not leave: it goes with the connection.
    // The client comes back, and is told then what it may see.
    connection.carrier.terminate()
    hooks.end()
  } else if (!(answer instanceof LockstepError)) hooks.become(subscription, answer)
  else if (answer.retryable) {
    // Neither yes nor no: nothing more may be sent, and no rows be taken away. The client comes back.
    connection.fail(answer)
    hooks.end()
  } else {
    hooks.lose(subscription.channel)
    connection.send({ type: 'revoked', channel: subscription.channel })
  }
}
