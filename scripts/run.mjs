// Entry of every root command: `npm start`, `npm test`, `npm run bench|sim|chaos|check|build`. Works on a fresh
// checkout with nothing but Node and npm; plain JavaScript, because Node 20 does not run TypeScript.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Lockstep needs Node 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

const commands = ['start', 'start:todos', 'test', 'bench', 'sim', 'chaos', 'check', 'build']
const [command = '', ...args] = process.argv.slice(2)
if (!commands.includes(command)) {
  console.error(`Usage: npm run ${commands.join('|')} [-- arguments]`)
  process.exit(1)
}

try {
  const { default: run } = await import(`./${command.replace(':', '-')}.mjs`)
  await run(args)
} catch (error) {
  // A failed step has said all there is to say in its message; anything else is a fault of these scripts.
  console.error(error instanceof Error && error.name === 'StepFailed' ? error.message : error)
  if (command === 'test') console.log('0 passed, 1 failed')
  process.exitCode = 1
}
