import { readyAll, readyPackages } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm run bench -- <name> [--json]` @param {readonly string[]} args */
export default async function bench(args) {
  const names = args.filter((arg) => !arg.startsWith('-'))
  // Only that one wants an application.
  await (names.length === 0 || names.includes('board') ? readyAll() : readyPackages())
  await runHere('bench/dist/main.js', args)
}
