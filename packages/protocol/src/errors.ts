/**
 * Every error that leaves Lockstep, in one table: stable code, HTTP status, WebSocket close code and
 * whether trying again can help. Close codes are 4400 + the last two digits of the HTTP status (44xx:
 * do not come back unchanged), 45xx: come back later. @see docs/protocol.md E1
 */
export const errorTable: Readonly<Record<ErrorCode, ErrorFacts>> = {
  bad_request: { http: 400, close: 4400, retryable: false, message: 'The message is not understood.' },
  unknown_type: { http: 400, close: 4400, retryable: false, message: 'There is no message of this type.' },
  bad_channel: { http: 400, close: 4400, retryable: false, message: 'This is not a channel name.' },
  bad_position: { http: 400, close: 4400, retryable: false, message: 'This is not a position.' },
  bad_value: { http: 400, close: 4400, retryable: false, message: 'A value does not fit its column.' },
  bad_lease: { http: 400, close: 4400, retryable: false, message: 'This is no lease that a lock may have.' },
  unauthorized: { http: 401, close: 4401, retryable: false, message: 'Sign in first.' },
  session_expired: { http: 401, close: 4401, retryable: false, message: 'The session token has expired.' },
  forbidden: { http: 403, close: 4403, retryable: false, message: 'This is not allowed.' },
  bad_origin: { http: 403, close: 4403, retryable: false, message: 'Requests from this origin are refused.' },
  no_channel: { http: 404, close: 4404, retryable: false, message: 'No such channel for this session.' },
  not_found: { http: 404, close: 4404, retryable: false, message: 'There is nothing at this address.' },
  method_not_allowed: {
    http: 405,
    close: 4405,
    retryable: false,
    message: 'This method is not answered here.',
  },
  timeout: { http: 408, close: 4408, retryable: false, message: 'Nothing was sent in time.' },
  key_reused: {
    http: 409,
    close: 4409,
    retryable: false,
    message: 'This idempotency key was used for another request.',
  },
  conflict: { http: 409, close: 4409, retryable: false, message: 'The change contradicts other data.' },
  lock_held: { http: 409, close: 4409, retryable: false, message: 'Another session holds this lock.' },
  not_holder: { http: 409, close: 4409, retryable: false, message: 'This session does not hold the lock.' },
  replaced: { http: 409, close: 4409, retryable: false, message: 'The session connected anew elsewhere.' },
  too_large: { http: 413, close: 4413, retryable: false, message: 'This is larger than the bound.' },
  too_many: { http: 413, close: 4413, retryable: false, message: 'A bound on their number is reached.' },
  unsupported_media: { http: 415, close: 4415, retryable: false, message: 'Send JSON.' },
  upgrade_required: { http: 426, close: 4426, retryable: false, message: 'Open a WebSocket here.' },
  too_fast: { http: 429, close: 4429, retryable: true, message: 'Too many messages in too short a time.' },
  internal: { http: 500, close: 4500, retryable: true, message: 'The server failed; it has logged why.' },
  unavailable: {
    http: 503,
    close: 4503,
    retryable: true,
    message: 'The database is out of reach; try again.',
  },
  restarting: { http: 503, close: 4503, retryable: true, message: 'The server restarts; come back.' },
  offline: { http: 503, close: 4503, retryable: true, message: 'The server could not be reached.' },
}

export interface ErrorFacts {
  readonly http: number
  readonly close: number
  readonly retryable: boolean
  readonly message: string
}

/** Stable codes; each has a section in docs/protocol.md. */
export type ErrorCode =
  | 'bad_request'
  | 'unknown_type'
  | 'bad_channel'
  | 'bad_position'
  | 'bad_value'
  | 'bad_lease'
  | 'unauthorized'
  | 'session_expired'
  | 'forbidden'
  | 'bad_origin'
  | 'no_channel'
  | 'not_found'
  | 'method_not_allowed'
  | 'timeout'
  | 'key_reused'
  | 'conflict'
  | 'lock_held'
  | 'not_holder'
  | 'replaced'
  | 'too_large'
  | 'too_many'
  | 'unsupported_media'
  | 'upgrade_required'
  | 'too_fast'
  | 'internal'
  | 'unavailable'
  | 'restarting'
  | 'offline'

/** An error as it crosses the wire, in a message or as the body `{error: ...}` of an HTTP reply. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

/** The one error class of Lockstep. `code` is stable; `message` is for people and may change. */
export class LockstepError extends Error {
  override readonly name = 'LockstepError'
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor(code: ErrorCode, message?: string, options?: { cause?: unknown }) {
    super(message ?? errorTable[code].message, options)
    this.code = code
    this.retryable = errorTable[code].retryable
  }

  /** HTTP status of this error. */
  get http(): number {
    return errorTable[this.code].http
  }

  /** WebSocket close code of this error. */
  get close(): number {
    return errorTable[this.code].close
  }

  toJSON(): WireError {
    return { code: this.code, message: this.message, retryable: this.retryable }
  }
}
