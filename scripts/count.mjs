/**
 * What a vitest run came to. Whatever failed without being a test (a file that does not load, a set-up, an
 * error nobody caught, a run that crashed or found nothing) counts as one failure, so that it cannot hide.
 * @param {string} report text of vitest's JSON report; empty where the run made none
 * @param {number} code exit code of the run
 * @returns {{ passed: number, failed: number, skipped: number }}
 */
export function countReport(report, code) {
  const nothing = { passed: 0, failed: 1, skipped: 0 }
  if (report === '') return nothing
  /** @type {{ testResults: { status: string, assertionResults: { status: string }[] }[] }} */
  const { testResults } = JSON.parse(report)
  const tests = testResults.flatMap((file) => file.assertionResults.map((test) => test.status))
  const passed = tests.filter((status) => status === 'passed').length
  const failedTests = tests.filter((status) => status === 'failed').length
  const failedFiles = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  const failed = failedTests + failedFiles
  if (tests.length === 0 && failed === 0) return nothing
  return {
    passed,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: tests.length - passed - failedTests,
  }
}
