import { readyPackages } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm run chaos -- --minutes N` @param {readonly string[]} args */
export default async function chaos(args) {
  await readyPackages()
  await runHere('sim/dist/chaos/main.js', args)
}
