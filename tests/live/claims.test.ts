import { type Client, createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import { locksOf } from '@lockstep/client/locks'
import { eventually } from '@lockstep/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Asks } from '../../apps/scrum/src/client/board/asks.ts'
import { Claims } from '../../apps/scrum/src/client/board/claims.ts'
import { Pending } from '../../apps/scrum/src/client/board/pending.ts'
import { Questions } from '../../apps/scrum/src/client/board/questions.ts'
import { type Board, startBoard } from '../wire/board.ts'

const channel = 'project/1'
const rows = ['items/1', 'items/2'] as const
type Row = (typeof rows)[number]

/** A page of the Scrum board, as far as it claims rows and asks for them. */
class ClaimingPage {
  readonly client: Client
  readonly pending = new Pending()
  readonly questions = new Questions(() => {})
  readonly claims = new Claims(this.pending, this.questions)
  readonly asks = new Asks(this.claims)
  readonly #drafts = new Set<Row>()
  #saves: (() => void)[] = []

  constructor(board: Board, user: string) {
    this.client = createClient(
      { url: `${board.url}/lockstep`, session: board.server.issueSession({ id: user }) },
      // Structurally a browser's WebSocket; only its event types differ in name.
      { transport: webSocketTransport(WebSocket as unknown as WebSocketClass) },
    )
    this.claims.watch(this.client, channel)
  }

  begin(row: Row): void {
    if (this.#drafts.has(row)) return
    this.#drafts.add(row)
    this.claims.take(row, 'editing')
    if (this.asks.get(row) === 'given') this.asks.end(row)
  }

  /** Saved by a request that has yet to be answered, or given up. */
  end(row: Row, isSaved: boolean): void {
    if (!this.#drafts.delete(row)) return
    if (isSaved) {
      const write = new Promise<void>((resolve) => this.#saves.push(resolve))
      void this.pending.during(row, write)
    }
    this.claims.release(row)
  }

  answerRequests(): void {
    for (const answer of this.#saves.splice(0)) answer()
  }

  answerQuestion(row: Row, isYes: boolean, ends: boolean): void {
    const question = this.questions.get(row)?.[0]
    if (question === undefined) return
    if (isYes) {
      this.claims.yield(row, question)
      if (ends) this.end(row, true)
    } else {
      question.answer(false)
      this.questions.remove(row, question)
    }
  }

  finish(): void {
    for (const row of rows) {
      this.asks.end(row)
      this.end(row, false)
    }
    this.answerRequests()
  }
}

let board: Board
const pages: ClaimingPage[] = []

beforeAll(async () => {
  board = await startBoard()
  for (const user of ['alice', 'olivia', 'alice']) pages.push(new ClaimingPage(board, user))
  await Promise.all(pages.map(({ client }) => client.channel(channel).ready))
}, 60_000)
afterAll(async () => {
  for (const { client } of pages) client.close()
  await board?.close()
})

const step = fc.record({
  page: fc.nat(2),
  row: fc.constantFrom(...rows),
  action: fc.constantFrom(
    'begin',
    'save',
    'give up',
    'ask',
    'take back',
    'yes',
    'yes and end',
    'no',
    'answer',
  ),
  /** Turns of the event loop until the next one. */
  turns: fc.nat(6),
})

test('G8, K6: whatever people begin, save, ask and answer, nobody holds or waits for anything in the end', async () => {
  const free = async (): Promise<void> => {
    await eventually(() => {
      for (const { client, claims, questions } of pages) {
        expect([...locksOf(client, channel).all().keys()]).toEqual([])
        expect([...claims.keys(), ...questions.keys()]).toEqual([])
        expect(rows.map((row) => claims.uses(row))).toEqual([0, 0])
      }
    })
    // Free on the server, and not only by what pages were told: each may have it, as soon as the page before has let go.
    for (const { client } of pages) {
      for (const row of rows) (await locksOf(client, channel).lock(row, { waitMs: 10_000 })).unlock()
    }
    await eventually(() => {
      for (const { client } of pages) expect(locksOf(client, channel).all().size).toBe(0)
    })
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      for (const { page: index, row, action, turns } of steps) {
        const page = pages[index]
        if (page === undefined) continue
        if (action === 'begin') page.begin(row)
        else if (action === 'save' || action === 'give up') page.end(row, action === 'save')
        else if (action === 'ask') {
          if (page.claims.get(row) !== undefined) void page.asks.ask(row)
        } else if (action === 'take back') page.asks.end(row)
        else if (action === 'answer') page.answerRequests()
        else page.answerQuestion(row, action !== 'no', action === 'yes and end')
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
      for (const page of pages) page.finish()
      await free()
    }),
    // Shrinking would wait out each failure again.
    { numRuns: 60, endOnFailure: true },
  )
}, 120_000)
