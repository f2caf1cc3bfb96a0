import { readyTodos } from './build.mjs'
import { runHere } from './run-here.mjs'

/** `npm run start:todos`: the todo lists. @param {readonly string[]} args */
export default async function startTodos(args) {
  await readyTodos()
  await runHere('apps/todos/dist/server/main.js', args)
}
