import { isChannel, LockstepError, type PageState, subscriptionsMax } from '@lockstep/protocol'
import type { User } from '../definition/definition.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readBounded } from '../write/body.ts'
import { PublishSecrets, secretsOf } from './secret.ts'

/** Lets backends in any language open sessions for the pages that they render. @see docs/protocol.md H6 */
export interface IssueOptions {
  /** What a backend sends as `Authorization: Bearer`: at least 32 characters. Any of several is accepted. */
  readonly secret: string | readonly string[]
}

export interface IssuerParts {
  readonly options: IssueOptions
  readonly runtime: Runtime
  /** A session for these channels alone, with their rows where they are wanted. @throws LockstepError */
  page(user: User, channels: readonly string[], withRows: boolean): Promise<PageState>
}

/** Body of a request for a session, in bytes, and the time for it to arrive. */
const bounds = { requestBytesMax: 65_536, requestMs: 10_000 }

/**
 * Answers `POST <path>/sessions`: `{user: {id, ...}, channels, snapshots?}`.
 * @throws TypeError for a secret that is too short
 */
export function createIssuer(parts: IssuerParts): (request: Request) => Promise<Response> {
  const secrets = new PublishSecrets(secretsOf(parts.options.secret))
  return async (request) => {
    if (!secrets.allows(request.headers.get('authorization'))) {
      throw new LockstepError('unauthorized', 'The secret for sessions is not the right one.')
    }
    if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
      throw new LockstepError('unsupported_media')
    }
    const bytes = await readBounded(request.body, bounds, parts.runtime)
    const { user, channels, withRows } = read(new TextDecoder().decode(bytes))
    const page = await parts.page(user, channels, withRows)
    return new Response(JSON.stringify(page), {
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    })
  }
}

function read(text: string): { user: User; channels: readonly string[]; withRows: boolean } {
  const fields = fieldsOf(parsed(text), 'The body')
  const user = fieldsOf(fields.get('user'), 'Field "user"')
  const id = user.get('id')
  if ((typeof id !== 'string' || id === '') && typeof id !== 'number') {
    throw new LockstepError('bad_request', 'Field "user" has an "id", a text or a number.')
  }
  const channels = fields.get('channels')
  // Always named: what a session may see is what its backend says, and no more.
  if (!Array.isArray(channels)) throw new LockstepError('bad_request', 'Field "channels" is a list.')
  if (channels.length > subscriptionsMax) throw new LockstepError('too_many')
  return {
    user: { ...Object.fromEntries(user), id },
    channels: channels.map((channel: unknown) => {
      if (!isChannel(channel)) throw new LockstepError('bad_channel')
      return channel
    }),
    withRows: fields.get('snapshots') === true,
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The body is not JSON.', { cause })
  }
}

function fieldsOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', `${what} is a JSON object.`)
  }
  return new Map<string, unknown>(Object.entries(value))
}
