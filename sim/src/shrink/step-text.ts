import type { Schedule, Step } from '../schedule/schedule.ts'

/** The steps of a schedule for a reader: one line each. */
export function stepsText({ steps, setting, quietAt }: Schedule): string {
  const people = setting.people.map(({ name, rooms }) => `${name} (${rooms.join(', ')})`)
  const lines = steps.map((step) => `  ${(step.at / 1_000).toFixed(3).padStart(7)}  ${stepText(step)}`)
  return [`${people.join(', ')}; quiet from ${(quietAt / 1_000).toFixed(1)} s on`, ...lines].join('\n')
}

function stepText({ at: _, kind, ...fields }: Step): string {
  const { of, ...rest }: { readonly of?: string; readonly [name: string]: unknown } = fields
  const values = Object.entries(rest).map(([name, value]) =>
    typeof value === 'string' ? value : `${name} ${JSON.stringify(value)}`,
  )
  return [of, kind, ...values].filter((part) => part !== undefined).join(' ')
}
