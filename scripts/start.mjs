import { readyScrum } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm start`: the Scrum board. @param {readonly string[]} args */
export default async function start(args) {
  await readyScrum()
  await runHere('apps/scrum/dist/server/main.js', args)
}
