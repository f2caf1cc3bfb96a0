import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readyAll } from './build.mjs'
import { countReport } from './count.mjs'
import { root } from './step.mjs'

/** `npm test [-- paths and options of vitest]` @param {readonly string[]} args */
export default async function test(args) {
  await readyAll()
  await readyBrowser(args)
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-test-'))
  try {
    const report = join(folder, 'report.json')
    const code = await vitest([
      'run',
      ...args,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ])
    const { passed, failed, skipped } = countReport(await readFile(report, 'utf8').catch(() => ''), code)
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
    process.exitCode = failed > 0 ? code || 1 : 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number>} exit code; 128 + signal where one ended it
 */
function vitest(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: root,
      stdio: 'inherit',
    })
    // A terminal sends Ctrl-C to both; a kill of this process alone must reach the child.
    const ignore = () => {}
    const pass = () => child.kill('SIGTERM')
    process.on('SIGINT', ignore)
    process.on('SIGTERM', pass)
    child.on('error', () => resolve(1))
    child.on('close', (code, signal) => {
      process.off('SIGINT', ignore)
      process.off('SIGTERM', pass)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143))
    })
  })
}

/** Sees to a Chromium where the chosen tests want one. @param {readonly string[]} args */
async function readyBrowser(args) {
  if (!(await wantsBrowser(args))) return
  const { findChromium, installChromium } = await import('../packages/testing/dist/chromium.js')
  if (findChromium() !== undefined) return
  const named = process.env.LOCKSTEP_CHROMIUM
  try {
    if (named) throw new Error(`LOCKSTEP_CHROMIUM names ${named}, which is no program.`)
    await installChromium(console.log)
  } catch (error) {
    const fate = process.env.CI === 'true' ? 'fail, because CI=true' : 'are skipped'
    console.log(`${error instanceof Error ? error.message : error}`)
    console.log(`Browser tests ${fate}. Install Chromium or Chrome, or name one in LOCKSTEP_CHROMIUM.`)
  }
}

/**
 * Whether a test file that the paths among `args` choose opens a browser.
 * @param {readonly string[]} args
 */
async function wantsBrowser(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'))
  for (const folder of ['packages', 'apps', 'bench', 'sim', 'tests']) {
    const files = await readdir(join(root, folder), { recursive: true }).catch(() => [])
    for (const file of files) {
      if (file.includes('node_modules') || !/\.test\.tsx?$/.test(file)) continue
      const path = `${folder}/${file}`
      if (paths.length > 0 && !paths.some((wanted) => path.includes(wanted.replace(/^\.\//, '')))) continue
      if ((await readFile(join(root, path), 'utf8')).includes('launchChromium')) return true
    }
  }
  return false
}
