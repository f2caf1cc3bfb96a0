import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ListPass, shrink, type ValuePass } from './shrink.ts'

/** A toy: things that happen at times, to somebody. */
interface Toy {
  readonly steps: readonly { readonly what: string; readonly at: number; readonly ms: number }[]
}

const steps: ListPass<Toy> = {
  name: 'steps',
  count: (toy) => toy.steps.length,
  keep: (toy, kept) => ({ steps: toy.steps.filter((_, i) => kept(i)) }),
}

const values: ValuePass<Toy> = {
  name: 'values',
  *plainer(toy) {
    for (const [i, step] of toy.steps.entries()) {
      for (const ms of [0, Math.floor(step.ms / 2)]) {
        if (ms < step.ms) yield { steps: toy.steps.with(i, { ...step, ms }) }
      }
    }
  },
}

const noise = Array.from({ length: 200 }, (_, i) => ({ what: `noise ${i}`, at: i, ms: 100 }))

/** Fails where all of these happen, in their order. */
function needs(...wanted: string[]): (toy: Toy) => Promise<boolean> {
  return async (toy) => {
    let next = 0
    for (const { what } of toy.steps) if (what === wanted[next]) next++
    return next === wanted.length
  }
}

describe('a failing case', () => {
  test('is cut down to the steps that it needs', async () => {
    const failing: Toy = {
      steps: noise.map((step, i) => (i === 20 || i === 99 || i === 150 ? { ...step, what: `x${i}` } : step)),
    }
    const { smallest, runs, finished } = await shrink(failing, {
      passes: [steps],
      fails: needs('x20', 'x99', 'x150'),
    })
    expect(smallest.steps.map(({ what }) => what)).toEqual(['x20', 'x99', 'x150'])
    expect(runs).toBeLessThan(200)
    expect(finished).toBe(true)
  })

  test('is cut down to plain values', async () => {
    const failing: Toy = { steps: noise.slice(0, 3) }
    const fails = async (toy: Toy): Promise<boolean> => (toy.steps[1]?.ms ?? 0) >= 50 && toy.steps.length > 1
    const { smallest } = await shrink(failing, { passes: [values, steps], fails })
    expect(smallest.steps.map(({ ms }) => ms)).toEqual([0, 50])
  })

  test('is run no more often than the budget allows, and still fails', async () => {
    const fails = async (toy: Toy): Promise<boolean> => toy.steps.length >= 37
    const { smallest, runs, finished } = await shrink(
      { steps: noise },
      { passes: [steps], fails, runsMax: 10 },
    )
    expect(runs).toBe(10)
    expect(finished).toBe(false)
    expect(await fails(smallest)).toBe(true)
    expect(smallest.steps.length).toBeLessThan(200)
  })

  test('of any kind keeps nothing that could be left out alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 8 }), async (needed) => {
        const fails = async (toy: Toy): Promise<boolean> =>
          needed.every((i) => toy.steps.some(({ what }) => what === `noise ${i}`))
        const { smallest } = await shrink({ steps: noise }, { passes: [steps], fails })
        expect(smallest.steps.length).toBe(needed.length)
      }),
      { numRuns: 30 },
    )
  })

  test('skips what cannot be left out', async () => {
    const bound: ListPass<Toy> = {
      ...steps,
      keep: (toy, kept) => (kept(0) ? steps.keep(toy, kept) : undefined),
    }
    const { smallest } = await shrink({ steps: noise }, { passes: [bound], fails: async () => true })
    expect(smallest.steps.map(({ what }) => what)).toEqual(['noise 0'])
  })
})
