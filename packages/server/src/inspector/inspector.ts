import { LockstepError } from '@lockstep/protocol'
import type { Logger } from '../runtime/logger.ts'
import { lifeOf } from './hops.ts'
import { type OverviewParts, overviewOf } from './overview.ts'
import { pageHtml } from './page.ts'
import { pageScript } from './page-script.ts'
import { pageStyle } from './page-style.ts'
import { reasonTexts, whyOf } from './why.ts'

export interface InspectorOptions {
  /** Whether who sends the request may see the inspector: an administrator of the application. Others get the answer of what does not exist. */
  readonly allow: (request: Request) => boolean | Promise<boolean>
}

export interface InspectorParts extends OverviewParts {
  readonly options: InspectorOptions
  readonly logger: Logger
}

/** Answers what is asked below `{path}/inspector`. @see docs/protocol.md H7 */
export class Inspector {
  readonly #parts: InspectorParts

  constructor(parts: InspectorParts) {
    this.#parts = parts
  }

  /**
   * @param rest the address after `inspector`
   * @throws LockstepError `not_found` for all who may not see it
   */
  async answer(request: Request, rest: string): Promise<Response> {
    if (!(await this.#isAllowed(request))) throw new LockstepError('not_found')
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new LockstepError('method_not_allowed')
    if (rest === '') return asset(pageHtml, 'text/html')
    if (rest === '/page.js') return asset(pageScript, 'text/javascript')
    if (rest === '/page.css') return asset(pageStyle, 'text/css')
    if (rest === '/state') return json(overviewOf(this.#parts))
    const [, lsn, session] = /^\/changes\/(\d{1,16})(?:\/([\w-]{1,64}))?$/.exec(rest) ?? []
    if (lsn === undefined) throw new LockstepError('not_found')
    return json(session === undefined ? this.#life(Number(lsn)) : this.#why(Number(lsn), session))
  }

  #life(lsn: number): object {
    const commit = this.#parts.trace.find(lsn)
    if (commit === undefined) throw new LockstepError('not_found')
    return lifeOf(commit)
  }

  #why(lsn: number, short: string): object {
    const { trace } = this.#parts
    const commit = trace.find(lsn)
    const session = trace.histories.find(short)
    if (commit === undefined) throw new LockstepError('not_found')
    if (session === undefined) {
      return {
        session: short,
        text: 'Nothing is known of such a session: it has not subscribed to any channel lately.',
        channels: [],
      }
    }
    const channels = whyOf(commit, session, trace.histories.of(session) ?? [])
    return {
      session: short,
      text: textOf(commit.writer === session, channels.length, commit.channelsUnlisted),
      channels: channels.map((why) => ({ ...why, text: reasonTexts[why.reason] })),
    }
  }

  async #isAllowed(request: Request): Promise<boolean> {
    // Its pages ask from their own place only: a page of another origin that may connect may not look in here.
    const site = request.headers.get('sec-fetch-site')
    if (request.headers.get('sec-fetch-mode') !== 'navigate' && site !== null && site !== 'same-origin')
      return false
    try {
      return (await this.#parts.options.allow(request)) === true
    } catch (error) {
      this.#parts.logger.error(`inspector.allow failed: ${error instanceof Error ? error.name : 'unknown'}`)
      return false
    }
  }
}

function textOf(isOwn: boolean, channels: number, unlisted: number): string {
  if (unlisted > 0) return `The change was in ${unlisted} more channels, of which nothing is kept.`
  if (channels === 0) return 'Nobody who subscribes to any channel can see anything of this change.'
  return isOwn
    ? 'It is the session’s own change: its rows are confirmed by it, its operations are not called again.'
    : ''
}

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function asset(text: string, type: string): Response {
  return new Response(text, {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    },
  })
}

function json(value: object): Response {
  return new Response(JSON.stringify(value), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
