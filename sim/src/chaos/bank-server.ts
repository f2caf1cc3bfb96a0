import type { IncomingMessage } from 'node:http'
import type { SyncServer } from '@lockstep/server'
import { commitBank } from './commit.ts'
import { rooms } from './opening.ts'
import type { Rights } from './rights.ts'

/** What a client sends to raise a counter. */
export interface Raise {
  /** Name of the write, for the journal. */
  readonly write: string
  /** Whether the application says no, after it has written. */
  readonly refuse: boolean
  /** Whether others are told `bank/note`. */
  readonly note: boolean
}

const bodyBytesMax = 65_536

/** The application's own addresses: a counter is raised, a page is rendered. Undefined: there is nothing there. */
export async function answerApplication(
  server: SyncServer,
  rights: Rights,
  request: IncomingMessage,
): Promise<Response | undefined> {
  const user = String(request.headers['x-user'] ?? '')
  const [, what, room = '', counter = ''] = (request.url ?? '').split('/')
  if (what === 'page') return renderPage(server, rights, user)
  if (what !== 'counters') return undefined
  const body = await readBody(request)
  const raise = JSON.parse(body) as Raise // only our own clients ask
  return server.respond(
    { method: request.method, url: request.url, headers: request.headers, body },
    async (tx) => {
      if (rights.get(user, room) !== 'member') throw refusal(403, 'forbidden')
      const { operation, counter: raised } = await commitBank(tx.sql, {
        commit: `${raise.write}`,
        rooms: [room],
        write: raise.write,
        session: tx.session,
        counter,
        notes: raise.note,
        decide: async () => ({ after: [], closed: [] }),
      })
      if (operation !== undefined) await tx.operation(`room/${room}`, 'bank/note', { n: operation.n })
      if (raise.refuse) throw refusal(409, 'conflict')
      return { n: raised?.n ?? 0 }
    },
  )
}

/** What a page has in itself: session and rows of all rooms that its user may see. */
async function renderPage(server: SyncServer, rights: Rights, user: string): Promise<Response> {
  const seen = rooms.filter((room) => rights.get(user, room) !== false)
  try {
    const page = await server.page(
      { id: user },
      seen.map((room) => `room/${room}`),
    )
    // A session for these channels only could not ask for others later.
    return Response.json({ ...page, session: server.issueSession({ id: user }) })
  } catch {
    return new Response('', { status: 503 })
  }
}

function refusal(status: number, code: string): Response {
  return Response.json({ error: { code, message: 'The bank says no.', retryable: false } }, { status })
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > bodyBytesMax) throw new Error('That is no counter.')
  }
  return text
}
