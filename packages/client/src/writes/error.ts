import type { Json } from '@lockstep/protocol'

/** Why a write did not happen. `code` is the server's, or `offline` or `closed`. */
export class WriteError extends Error {
  override readonly name = 'WriteError'
  declare readonly code: string
  /** HTTP status; 0 where there was no reply. */
  declare readonly status: number
  /** Whether the same write may succeed later. */
  declare readonly retryable: boolean
  /** The reply's whole JSON body, for an application's own fields. */
  declare readonly details: Json | undefined

  constructor(code: string, message: string, status = 0, retryable = false, details?: Json) {
    super(message)
    this.code = code
    this.status = status
    this.retryable = retryable
    this.details = details
  }
}

/** Reads the error of a reply: `{error: {code, message}}`, or what the status says. */
export function errorOfReply(status: number, body: Json | undefined): WriteError {
  // Reads of anything that JSON can be; what is not there is undefined.
  const { code, message, retryable }: Readonly<Record<string, unknown>> = Object(Object(body).error)
  return new WriteError(
    typeof code === 'string' ? code : `http_${status}`,
    typeof message === 'string' ? message : `HTTP status ${status}`,
    status,
    retryable === true,
    body,
  )
}
