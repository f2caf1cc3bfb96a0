/** Days of the calendar as text, `2026-01-31`: the same everywhere, whatever the time zone. */

const dayMs = 86_400_000

/** How many days later the second is. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / dayMs)
}

export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * dayMs).toISOString().slice(0, 10)
}

/** Every day from the first to the last. */
export function daysFrom(first: string, last: string): string[] {
  const count = Math.max(daysBetween(first, last) + 1, 0)
  return Array.from({ length: count }, (_, i) => addDays(first, i))
}

const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** `31 Jan`. */
export function dayText(day: string): string {
  return short.format(new Date(`${day}T00:00:00Z`))
}
