import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createDatabase, freePort, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'

/** A built application, as its npm command runs it, in a process of its own on a database of its own. */
export interface AppProcess {
  readonly address: string
  readonly port: number
  readonly sql: Sql
  /** SIGKILL, and a new process on the same port and database; `between` happens while there is none. */
  killAndRestart(between?: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

/** @param name folder in `apps` */
export async function startApp(name: string): Promise<AppProcess> {
  const database: TestDatabase = await createDatabase()
  const sql = postgres(database.url, { onnotice: () => {} })
  const port = await freePort()
  let child = await launch(name, database.url, port)
  return {
    address: `http://127.0.0.1:${port}`,
    port,
    sql,
    async killAndRestart(between) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await between?.()
      child = await launch(name, database.url, port)
    },
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
      await sql.end()
      await database.drop()
    },
  }
}

async function launch(name: string, databaseUrl: string, port: number): Promise<ChildProcess> {
  const main = fileURLToPath(new URL(`../../apps/${name}/dist/server/main.js`, import.meta.url))
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, DATABASE_URL: databaseUrl, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      printed += chunk.toString()
      if (printed.includes('is ready at')) resolve()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => reject(new Error(`apps/${name} ended with ${code}:\n${printed}`)))
  })
  return child
}
