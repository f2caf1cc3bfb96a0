import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { make, packages, scrum, todos } from './build.mjs'
import { ensureInstalled } from './install.mjs'
import { captureBin, root, tail } from './step.mjs'

const published = ['packages/protocol', 'packages/server', 'packages/client', 'packages/testing']

/** @type {readonly { name: string, run: () => Promise<{ code: number, output: string }> }[]} */
const steps = [
  { name: 'types of the packages', run: () => make(packages) },
  { name: 'the Scrum board builds', run: () => make(scrum) },
  { name: 'the todo lists build', run: () => make(todos) },
  {
    name: 'types of tests and scripts',
    run: () => captureBin('typescript/bin/tsc', ['-p', 'tsconfig.tests.json']),
  },
  { name: 'format and lint', run: () => captureBin('@biomejs/biome/bin/biome', ['ci', '--colors=off']) },
  { name: 'nothing unused', run: () => captureBin('knip/bin/knip.js', ['--no-progress']) },
  ...published.map((path) => ({
    name: `${path} can be published`,
    run: () => captureBin('publint/src/cli.js', ['run', path, '--strict']),
  })),
  { name: 'the tree', run: () => captureBin('vitest/vitest.mjs', ['run', 'tests/tree']) },
]

/** `npm run check`: every step is run, whatever became of those before it. */
export default async function check() {
  await ensureInstalled()
  if (!existsSync(join(root, 'node_modules/typescript'))) throw new Error('node_modules is incomplete.')
  const failed = []
  for (const step of steps) {
    const from = performance.now()
    const { code, output } = await step.run()
    const seconds = ((performance.now() - from) / 1000).toFixed(1)
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`)
    if (code === 0) continue
    failed.push(step.name)
    console.log(`${tail(output, 100).replace(/^/gm, '       ')}\n`)
  }
  if (failed.length > 0) {
    console.log(`${failed.length} of ${steps.length} checks failed: ${failed.join('; ')}`)
    process.exitCode = 1
  } else console.log(`All ${steps.length} checks passed.`)
}
