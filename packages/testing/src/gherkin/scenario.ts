import { readFileSync } from 'node:fs'
import { AstBuilder, compile, GherkinClassicTokenMatcher, Parser } from '@cucumber/gherkin'
import { IdGenerator, type Pickle } from '@cucumber/messages'

/** Rows of a step's table, by the names in its first line. */
export type Table = readonly Readonly<Record<string, string>>[]

/** What a step does; it gets what its pattern captures, and its table. */
export type StepAction = (captured: readonly string[], table: Table) => Promise<void>

/** Patterns of whole steps, without Given, When and Then. */
export type Steps = readonly (readonly [pattern: RegExp, action: StepAction])[]

/** The scenarios of a feature file. @throws Error with line and column where it is no Gherkin. */
export function scenariosOf(file: URL): readonly Pickle[] {
  const newId = IdGenerator.incrementing()
  const parser = new Parser(new AstBuilder(newId), new GherkinClassicTokenMatcher())
  return compile(parser.parse(readFileSync(file, 'utf8')), file.href, newId)
}

/** Takes the steps one after the other. @throws Error that names the step that failed. */
export async function runScenario({ steps: written }: Pickle, steps: Steps): Promise<void> {
  for (const { text, argument } of written) {
    const fitting = steps.flatMap(([pattern, action]) => {
      const match = new RegExp(`^(?:${pattern.source})$`).exec(text)
      return match === null ? [] : [{ action, captured: match.slice(1) }]
    })
    const [step, ...others] = fitting
    if (step === undefined || others.length > 0)
      throw new Error(`${fitting.length} definitions fit the step: ${text}`)
    const [head, ...rows] = (argument?.dataTable?.rows ?? []).map(({ cells }) =>
      cells.map(({ value }) => value),
    )
    const table = rows.map((row) =>
      Object.fromEntries(row.map((value, index) => [head?.[index] ?? '', value])),
    )
    try {
      await step.action(step.captured, table)
    } catch (cause) {
      throw new Error(`${text}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}
