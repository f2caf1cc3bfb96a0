import { describe, expect, it } from 'vitest'
import { countReport } from './count.mjs'

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
})
const report = (...testResults: ReturnType<typeof file>[]) => JSON.stringify({ testResults })

describe('countReport', () => {
  it('counts tests by what became of them', () => {
    const text = report(file('failed', 'passed', 'failed', 'pending'), file('passed', 'passed', 'todo'))
    expect(countReport(text, 1)).toEqual({ passed: 2, failed: 1, skipped: 2 })
  })

  it('counts a file that does not load as one failure', () => {
    expect(countReport(report(file('failed'), file('passed', 'passed')), 1)).toMatchObject({
      passed: 1,
      failed: 1,
    })
  })

  it('counts a run without a report, or without tests, as one failure', () => {
    expect(countReport('', 0)).toMatchObject({ passed: 0, failed: 1 })
    expect(countReport(report(), 0)).toMatchObject({ passed: 0, failed: 1 })
  })

  it('counts an exit code that no failed test explains as one failure', () => {
    expect(countReport(report(file('passed', 'passed')), 1)).toMatchObject({ passed: 1, failed: 1 })
  })
})
