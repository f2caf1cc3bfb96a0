import fc from 'fast-check'
import { expect, it } from 'vitest'

/** Runs each property for so many seconds; without it, each runs a fixed number of times. */
const seconds = Number(process.env['LOCKSTEP_FUZZ_SECONDS'] ?? 0)
/** An input that takes longer than this hangs. Generous, for a machine that does other things. */
const inputMsMax = 3_000

/**
 * A test that a parser is shown many inputs. `check`, which may be asynchronous, is to throw where the parser does what it may not; that it
 * comes to an end within a bounded time is looked at here.
 */
export function fuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  check: (input: T) => unknown,
  runs = 2_000,
): void {
  const bounds: fc.Parameters<[T]> =
    seconds > 0
      ? {
          numRuns: Number.MAX_SAFE_INTEGER,
          interruptAfterTimeLimit: seconds * 1_000,
          markInterruptAsFailure: false,
        }
      : { numRuns: runs }
  const test = async (): Promise<void> => {
    const property = fc.asyncProperty(inputs, async (input) => {
      const start = performance.now()
      await check(input)
      expect(performance.now() - start).toBeLessThan(inputMsMax)
    })
    await fc.assert(property, bounds)
  }
  it(name, test, seconds * 1_000 + 60_000)
}

/** Runs a parser that may throw errors of one kind only. Gives what it made, or undefined where it threw. */
export function parsedOr<T>(kind: abstract new (...given: never[]) => Error, parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof kind)) throw error
    return undefined
  }
}
