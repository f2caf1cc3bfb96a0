import type { SessionEvent, SyncServerOptions } from '@lockstep/server'
import { type CutProxy, cutProxy, eventually } from '@lockstep/testing'
import type { Page } from 'playwright-core'
import { type BoardInTest, startBoard } from '../../apps/scrum/src/server/board.testing.ts'

/** What the application was told of a session, and when by `performance.now()`. */
export interface Told {
  readonly kind: SessionEvent['kind']
  readonly session: string
  readonly at: number
}

/** The Scrum board in this process, whose hooks are listened to, and a way to it that fails on command. */
export interface WatchedBoard {
  readonly board: BoardInTest
  readonly address: string
  readonly proxy: CutProxy
  /** Address by way of the proxy. */
  readonly behindProxy: string
  /** What was told of a session beside its subscribes, in order. */
  toldOf(session: string): readonly Told['kind'][]
  /** Waits until it was told, and gives when. */
  whenTold(session: string, kind: Told['kind']): Promise<number>
  close(): Promise<void>
}

/** More than the longest that any of the tests waits for a hook, in ms. */
const toldMsMax = 60_000

export async function startWatchedBoard(limits: SyncServerOptions['limits'] = {}): Promise<WatchedBoard> {
  const told: Told[] = []
  const onSession = ({ kind, session }: SessionEvent): void => {
    told.push({ kind, session, at: performance.now() })
  }
  const board = await startBoard({ limits, onSession })
  const address = await board.listen()
  const proxy = await cutProxy({ targetPort: Number(new URL(address).port) })
  return {
    board,
    address,
    proxy,
    behindProxy: `http://127.0.0.1:${proxy.port}`,
    toldOf: (session) =>
      told.filter((one) => one.session === session && one.kind !== 'subscribe').map(({ kind }) => kind),
    whenTold: (session, kind) =>
      eventually(
        () => {
          const found = told.find((one) => one.session === session && one.kind === kind)
          if (found === undefined) throw new Error(`${kind} was not told`)
          return found.at
        },
        { timeoutMs: toldMsMax },
      ),
    async close() {
      await proxy.close()
      await board.close()
    },
  }
}

/** The session that the page came with. */
export function sessionOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const text = document.getElementById('page')?.textContent ?? ''
    // Written there by the board's own server.
    return (JSON.parse(text) as { lockstep: { session: { id: string } } }).lockstep.session.id
  })
}
