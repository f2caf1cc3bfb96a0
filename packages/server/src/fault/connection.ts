import { type FaultCode, SetupError } from './fault.ts'

/** What a failed connection means, for the operator; undefined where the error is of another kind. */
export function connectionFault(error: unknown, url: string): SetupError | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof SetupError) return error
  const code = 'code' in error ? String(error.code) : ''
  const { host, database, user } = placeOf(url)
  switch (code) {
    case 'ECONNREFUSED':
      return fault(
        'unreachable',
        `Nothing answers at ${host}. Is Postgres running there, and does DATABASE_URL name the right host and port?`,
        error,
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault('unreachable', `There is no host of the name in DATABASE_URL (${host}).`, error)
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'CONNECT_TIMEOUT':
      return fault(
        'unreachable',
        `No answer from ${host} in time. Does a firewall stand between, or is the host in DATABASE_URL wrong?`,
        error,
      )
    case 'ECONNRESET':
    case 'CONNECTION_CLOSED':
      return fault(
        'unreachable',
        `${host} closed the connection. Is that a Postgres, and does it want SSL (add ?sslmode=require)?`,
        error,
      )
    case 'ERR_INVALID_URL':
      return fault('bad_url', badUrlMessage, error)
    case '53300':
      return fault(
        'unreachable',
        `Postgres at ${host} has no connection left: ${error.message}. End some of other programs, or raise max_connections.`,
        error,
      )
    case '57P03':
      return fault('unreachable', `Postgres at ${host} takes no connections yet: ${error.message}.`, error)
    case '28P01':
      return fault(
        'wrong_password',
        `Postgres at ${host} refuses the password of ${user}. Look at DATABASE_URL.`,
        error,
      )
    case '28000':
      return fault('not_let_in', notLetIn(host, user, error.message), error)
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_HAS_EXPIRED':
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return fault(
        'bad_certificate',
        `The certificate of ${host} cannot be verified: ${error.message}. Give Node its authority in NODE_EXTRA_CA_CERTS, or take sslmode=require in DATABASE_URL, which encrypts without verifying.`,
        error,
      )
    case '3D000':
      return fault(
        'no_database',
        `Postgres at ${host} has no database ${database}.`,
        error,
        `CREATE DATABASE "${database.replaceAll('"', '""')}";`,
      )
    default:
      return undefined
  }
}

/** @throws SetupError `bad_url` before anything is tried. */
export function assertDatabaseUrl(url: string): void {
  let parsed: URL | undefined
  try {
    parsed = new URL(url)
  } catch {
    // said below
  }
  if (parsed !== undefined && /^postgres(ql)?:$/.test(parsed.protocol)) return
  throw new SetupError([{ code: 'bad_url', message: badUrlMessage }])
}

const badUrlMessage =
  'DATABASE_URL is not the address of a Postgres. It looks like postgres://user:password@host:5432/database.'

function fault(code: FaultCode, message: string, cause: Error, sql?: string): SetupError {
  return new SetupError([sql === undefined ? { code, message } : { code, message, sql }], { cause })
}

function notLetIn(host: string, user: string, why: string): string {
  const what = /no encryption/.test(why)
    ? 'Does it want SSL? Add ?sslmode=require to DATABASE_URL.'
    : 'Its pg_hba.conf needs a line for this user and host.'
  return `Postgres at ${host} does not let ${user} in: ${why}. ${what}`
}

/** The parts of a URL that may be shown. */
function placeOf(url: string): { host: string; database: string; user: string } {
  try {
    const { host, pathname, username, searchParams } = new URL(url)
    const user = decodeURIComponent(username)
    return {
      host: host || searchParams.get('host') || 'localhost',
      user,
      database: decodeURIComponent(pathname.slice(1)) || user,
    }
  } catch {
    return { host: 'DATABASE_URL', database: '?', user: 'the user' }
  }
}
