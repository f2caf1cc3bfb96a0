import type { Recorded } from './run.ts'
import type { Statement } from './sql-tap.ts'

/** Headers that a browser or a runtime adds are left out. */
const headersShown = ['content-type', 'idempotency-key', 'lockstep-session', 'lockstep-position']
const widthMax = 110

/** The blocks of the page by name, as a run makes them; what differs between runs has a name that does not. */
export function blocksOf(recorded: Recorded): ReadonlyMap<string, string> {
  const { request, response, statements, wal, alice, olivia, faye, collections } = recorded
  const named = names(recorded)
  /** Messages, one after the other. */
  const shown = (values: readonly object[]): string =>
    values.map((value) => layOut(parse(named(flatten(value))))).join('\n')
  const blocks: Record<string, string> = {
    subscribe: shown([...olivia.sent.map(parse), ...of(olivia, 'welcome', 'subscribed', 'live')]),
    'faye-subscribe': shown([
      ...faye.sent.filter(channelIs('/meta/subscribe')),
      ...faye.came.filter(channelIs('/meta/subscribe')),
    ]),
    request: http(request, named),
    sql: named(statements.map(sqlOf).join('\n')),
    response: http(response, named),
    wal: shown(wal),
    olivia: shown(of(olivia, 'transaction', 'confirmed')),
    alice: shown(of(alice, 'transaction', 'confirmed')),
    faye: shown(faye.came.filter(channelIs('/sync/list/1/todos'))),
    collections: shown([collections]),
  }
  return new Map(Object.entries(blocks))
}

/** Messages of these types that came, in order: heartbeats and fresh tokens come when they come. */
const of = ({ came }: Recorded['alice'], ...types: string[]): object[] =>
  came.map(parse).filter((message) => types.includes(Object(message).type))

const parse = (text: string): object => JSON.parse(text)
const channelIs =
  (name: string) =>
  (message: object): boolean =>
    'channel' in message && message.channel === name

/** Puts a name that is the same in every run in the place of each value that is not. */
function names({ wal, alice, olivia, faye, request, response, statements, sessions }: Recorded) {
  const { position, prev, at, mutation } = Object(of(alice, 'transaction')[0])
  const [confirmed] = of(alice, 'confirmed')
  const begun = Object(wal.find((message) => 'begin' in message)).begin
  const subscribed = Object(parse(olivia.sent[1] ?? ''))
  const live = Object(of(olivia, 'live')[0])
  const reply = response.headers.get('lockstep-position') ?? ''
  const lsnOf = (text: string): number => Number.parseInt(text.split('.')[1] ?? '', 16)
  // What the page says of these: one order, and one place for the commit wherever it is told.
  const order = [prev, subscribed.position, live.position, position, reply].map(lsnOf)
  if (order.some((lsn, i) => !(lsn >= (order[i - 1] ?? 0)))) throw new Error(`positions go back: ${order}`)
  if (`${begun.lsn}` !== position.split('.')[1] || begun.at !== at || Object(confirmed).position !== position)
    throw new Error('the commit is told differently in different places')
  if (request.headers.get('idempotency-key') !== mutation) throw new Error('another mutation')

  const epoch = position.split('.')[0]
  const clientId = Object(faye.sent.find(channelIs('/meta/subscribe'))).clientId
  const known: [RegExp | string, string][] = [
    // By place first, where two positions may or may not be the same.
    [/("type": "live",[^}]*"position": )"[^"]*"/g, `$1"${shownEpoch}.16b3790"`],
    [/("type": "subscribe",[^}]*"position": )"[^"]*"/g, `$1"${shownEpoch}.16b3748"`],
    [/(lockstep-position: )\S+/g, `$1${shownEpoch}.16b3830`],
    [position, `${shownEpoch}.16b3800`],
    [prev, `${shownEpoch}.16b36f0`],
    [/("lsn": )"[^"]*"/g, '$1"16b3800"'],
    [/("xid": )\d+/g, '$1742'],
    [String(at), '1790000000000'],
    [sessions.alice, 'Kq3v1n9XrT0bYc2dLw8fZA'],
    [sessions.olivia, 'p7Hs5mJe4uQxV1oGt6RkNw'],
    [clientId, 'hMn72IXpQeRQCQfxLxNWPbP9kq5Qt20v'],
    [mutation, '283368495-1779384008-144442485-3409820255'],
    [statements[1]?.values[2] ?? '', 'vQTf6lpdp0PhoUdR953Z...'],
    [/("token": )"[^"]*"/g, '$1"AXsi..."'],
  ]
  return (text: string): string => {
    const shown = known.reduce(
      (so, [value, name]) =>
        typeof value === 'string' ? so.replaceAll(value, name) : so.replace(value, name),
      text,
    )
    if (shown.includes(`${epoch}.`)) throw new Error(`a position without a name: ${shown}`)
    return shown
  }
}
const shownEpoch = 'k3f9a2'

function http(
  { line, headers, body }: { line: string; headers: Headers; body: string },
  named: (text: string) => string,
): string {
  const shown = headersShown.flatMap((name) => (headers.has(name) ? [`${name}: ${headers.get(name)}`] : []))
  return [line, ...shown.map(named), '', layOut(parse(body))].join('\n')
}

/** The two statements that count rows are told as what they do. */
function sqlOf({ text, values }: Statement): string {
  if (/pg_stat_get_xact_tuples/.test(text)) return '-- how many rows has this transaction changed so far?'
  const given = values.map((value, i) => `$${i + 1} = ${JSON.stringify(value)}`)
  const statement = `${text.trim().replace(/\n\s*/g, '\n  ')};`
  return [statement, ...given.map((value) => `    -- ${value}`)].join('\n')
}

/** JSON, with spaces, on one line where it fits. */
function layOut(value: unknown, indent = ''): string {
  const flat = flatten(value)
  if (flat.length + indent.length <= widthMax || typeof value !== 'object' || value === null) return flat
  const deeper = `${indent}  `
  const list = Array.isArray(value)
  const parts = list
    ? value.map((entry) => `${deeper}${layOut(entry, deeper)}`)
    : Object.entries(value).map(
        ([name, entry]) => `${deeper}${JSON.stringify(name)}: ${layOut(entry, deeper)}`,
      )
  return `${list ? '[' : '{'}\n${parts.join(',\n')}\n${indent}${list ? ']' : '}'}`
}

function flatten(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flatten).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const parts = Object.entries(value).map(([name, entry]) => `${JSON.stringify(name)}: ${flatten(entry)}`)
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
}
