import { LockstepError } from '@lockstep/protocol'

/** What a database client's error says, whichever client it is. */
export interface DatabaseFault {
  /** SQLSTATE, or the code of a broken connection such as `ECONNRESET`. */
  readonly code: string
  readonly message: string
  readonly column: string | undefined
  readonly constraint: string | undefined
  readonly detail: string
  readonly where: string
  readonly statement: string
}

/** The database's part of an error, also where an ORM has wrapped it; undefined where there is none. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  let current = error
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth++) {
    const found = faultIn(new Map(ownEntries(current)))
    if (found !== undefined) return found
    current = 'cause' in current ? current.cause : undefined
  }
  return undefined
}

function* ownEntries(value: object): Iterable<[string, unknown]> {
  // Some clients keep the statement as a hidden property, so that it is not printed with its values.
  for (const name of Object.getOwnPropertyNames(value)) yield [name, Reflect.get(value, name)]
}

function faultIn(fields: ReadonlyMap<string, unknown>): DatabaseFault | undefined {
  const text = (name: string): string | undefined => {
    const value = fields.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const code = text('code')
  const isState =
    code !== undefined && /^[0-9A-Z]{5}$/.test(code) && (fields.has('severity') || fields.has('routine'))
  // A value that the client's own serializer refused, such as a date that is none, has no code.
  const isRefused = code === undefined && fields.has('parameters') && fields.has('query')
  const isBroken =
    code !== undefined && (brokenClient.has(code) || (brokenSocket.has(code) && fields.has('query')))
  if (!isState && !isRefused && !isBroken) return undefined
  return {
    code: code ?? '22000',
    message: text('message') ?? '',
    column: text('column_name') ?? text('column'),
    constraint: text('constraint_name') ?? text('constraint'),
    detail: text('detail') ?? '',
    where: text('where') ?? '',
    statement: text('query') ?? '',
  }
}

/** Codes that the client `postgres` has for connections. */
const brokenClient: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
])

/** Codes of any socket: the database's only where the error comes from a database client. */
const brokenSocket: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT', // the socket of a local server that is not running
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])

/** Whether running the transaction anew may help: it lost against another one. */
export function isConflictOfOrder(error: unknown): boolean {
  const code = databaseFault(error)?.code
  return code === '40001' || code === '40P01'
}

/**
 * Whether Postgres ended the connection itself. The client tells that, when the connection was idle, to the
 * next query only, which was never sent: it can be tried again at once.
 */
export function isServerRestarted(error: unknown): boolean {
  return /^57P0[123]$/.test(databaseFault(error)?.code ?? '')
}

/**
 * Whether the connection is gone, so that what was last asked of it may have been done or not.
 * @param isOurs whether a statement of ours failed: what the application throws may be of another connection
 */
export function isConnectionLost(error: unknown, isOurs = false): boolean {
  const code = databaseFault(error)?.code
  if (code !== undefined) return brokenClient.has(code) || brokenSocket.has(code) || /^(?:08|57P)/.test(code)
  return isOurs && error instanceof Error && 'code' in error && brokenSocket.has(String(error.code))
}

/**
 * The error that leaves a write: a database error becomes one of ours, with names of columns and
 * constraints and never a value; anything else stays what it is.
 */
export function outwardError(error: unknown, isOurs = false): unknown {
  if (error instanceof LockstepError) return error
  const options = { cause: error }
  if (isConnectionLost(error, isOurs)) return new LockstepError('unavailable', undefined, options)
  const fault = databaseFault(error)
  return fault === undefined ? error : (faultError(fault, options) ?? error)
}

function faultError(fault: DatabaseFault, options: { cause: unknown }): LockstepError | undefined {
  const { code } = fault
  // Retries are used up; too many connections, full disk; cancelled by a time limit; failed over to a standby.
  if (code === '40001' || code === '40P01') {
    return new LockstepError('unavailable', 'Other writes were in the way; try again.', options)
  }
  if (/^53|^55P03|^57014|^25006/.test(code)) return new LockstepError('unavailable', undefined, options)
  if (code === '42703' || code.startsWith('22')) {
    const column = code === '42703' ? quotedName(fault.message) : (fault.column ?? parameterColumn(fault))
    const subject = column === undefined ? 'A value' : `The value of "${column}"`
    return new LockstepError(
      'bad_value',
      code === '42703'
        ? `There is no column ${column === undefined ? 'of this name' : `"${column}"`}.`
        : `${subject} does not fit its column.`,
      options,
    )
  }
  if (code === '23502') {
    return new LockstepError('bad_value', `"${fault.column ?? 'A column'}" must have a value.`, options)
  }
  if (code === '23514') {
    return new LockstepError('bad_value', `The values break the rule ${named(fault)}.`, options)
  }
  if (code === '23505') {
    const columns = detailColumns(fault)
    const subject = columns === undefined ? `(rule ${named(fault)})` : `with this ${columns}`
    return new LockstepError('conflict', `There is already a row ${subject}.`, options)
  }
  if (code === '23503') {
    const columns = detailColumns(fault)
    const where = columns === undefined ? '' : ` of ${columns}`
    return new LockstepError(
      'conflict',
      `The reference${where} does not fit (rule ${named(fault)}).`,
      options,
    )
  }
  if (code.startsWith('23'))
    return new LockstepError('conflict', `The values break the rule ${named(fault)}.`, options)
  if (code.startsWith('54'))
    return new LockstepError('too_large', 'A value is larger than the database holds.', options)
  return undefined
}

function named(fault: DatabaseFault): string {
  return `"${fault.constraint ?? 'of the table'}"`
}

/** The columns of `Key (email)=(...)`: the names only. */
function detailColumns(fault: DatabaseFault): string | undefined {
  const names = /\(([^()=]+)\)=\(/.exec(fault.detail)?.[1]
  return names === undefined ? undefined : `"${names.replaceAll('"', '').split(', ').join('", "')}"`
}

/** The first quoted name of a message in whatever language the server speaks. */
function quotedName(message: string): string | undefined {
  return /["„“«]\s?([^"„“”«»]+?)\s?["“”»]/.exec(message)?.[1]
}

/**
 * The column of a parameter that did not fit: Postgres tells the parameter's number only, so the column is
 * looked for in the statement: `column = $n`, or the n-th value of an INSERT.
 */
function parameterColumn(fault: DatabaseFault): string | undefined {
  const number = /\$(\d+)/.exec(fault.where)?.[1] ?? castParameter(fault)
  if (number === undefined) return undefined
  const assigned = new RegExp(
    `"?([A-Za-z_][A-Za-z0-9_]*)"?\\s*(?:=|<|>|<=|>=|<>)\\s*\\$${number}(?!\\d)`,
  ).exec(fault.statement)
  if (assigned?.[1] !== undefined) return assigned[1]
  const insert = /\(([^()]*)\)\s*values\s*(\(.*)/is.exec(fault.statement)
  const columns = insert?.[1]?.split(',').map((name) => name.trim().replaceAll('"', ''))
  for (const [tuple] of insert?.[2]?.matchAll(/\([^()]*\)/g) ?? []) {
    const values = tuple
      .slice(1, -1)
      .split(',')
      .map((value) => value.trim())
    const index = values.findIndex((value) => new RegExp(`^\\$${number}(?!\\d)`).test(value))
    if (index >= 0) return columns?.[index]
  }
  return undefined
}

/**
 * The number of the parameter that a cast of the statement's own failed at, of which Postgres tells nothing:
 * `$3::text::bytea`. Undefined where it could be one of several.
 */
function castParameter({ statement, message }: DatabaseFault): string | undefined {
  const all = new Set([...statement.matchAll(/\$(\d+)/g)].map((match) => match[1]))
  const cast = new Set<string | undefined>()
  for (const [, number, type = ''] of statement.matchAll(/\$(\d+)(?:::\w+)*::(\w+)/g)) {
    // A broken bytea is told by what is wrong in it.
    if (message.includes(`type ${type}`) || (type === 'bytea' && /hexadecimal/.test(message)))
      cast.add(number)
  }
  const [only] = cast.size > 0 ? cast : all
  return cast.size > 1 || (cast.size === 0 && all.size > 1) ? undefined : only
}
