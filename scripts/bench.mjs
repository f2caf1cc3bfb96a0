import { readyPackages } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm run bench -- <name> [--json]` @param {readonly string[]} args */
export default async function bench(args) {
  await readyPackages()
  await runHere('bench/dist/main.js', args)
}
