import { readyPackages } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm run sim -- --seeds N [--from S]` @param {readonly string[]} args */
export default async function sim(args) {
  await readyPackages()
  await runHere('sim/dist/main.js', args)
}
