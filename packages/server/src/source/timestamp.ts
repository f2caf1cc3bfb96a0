/**
 * ISO 8601 of Postgres' `2024-02-29 12:30:00.25+00`, always with microseconds, so that texts of the same
 * length sort by time: `2024-02-29T12:30:00.250000Z`. Years outside 0000-9999 take the expanded form with
 * a sign and six digits (year 0 is 1 BC). `infinity` and `-infinity` stay as they are.
 */
export function encodeTimestamp(text: string, zone: '' | 'Z'): string {
  if (text.charCodeAt(4) === 45 && text.charCodeAt(10) === 32) {
    const end = text.charCodeAt(text.length - 1) === 67 ? -1 : endOfTime(text, 11)
    if (end !== -1) return `"${text.slice(0, 10)}T${text.slice(11, end)}${padding(end - 11)}${zone}"`
  }
  return encodeUnusual(text, zone)
}

/** Where the time ends and the zone begins, if there is one. */
function endOfTime(text: string, from: number): number {
  const plus = text.indexOf('+', from)
  return plus === -1 ? text.length : plus
}

/** What `12:30:00` or `12:30:00.25` of this length lacks to six decimals. */
function padding(length: number): string {
  return length === 8 ? '.000000' : (zeros[15 - length] ?? '')
}

const zeros = ['', '0', '00', '000', '0000', '00000']

const unusual = /^(\d+)-(\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:\+00)?( BC)?$/

function encodeUnusual(text: string, zone: string): string {
  const match = unusual.exec(text)
  if (match === null) return `"${text}"`
  const [, digits = '', day = '', time = '', bc] = match
  const year = bc === undefined ? Number(digits) : 1 - Number(digits)
  const sign = year < 0 ? '-' : '+'
  const shown =
    year >= 0 && year <= 9999 ? String(year).padStart(4, '0') : sign + String(Math.abs(year)).padStart(6, '0')
  return `"${shown}-${day}T${time}${padding(time.length)}${zone}"`
}
