import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createDatabase, freePort, type TestDatabase } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'

/** The built Scrum board, as `npm start` runs it, in a process of its own on a database of its own. */
export interface ScrumProcess {
  readonly address: string
  readonly sql: Sql
  /** SIGKILL, and a new process on the same port and database. */
  killAndRestart(): Promise<void>
  stop(): Promise<void>
}

export async function startScrum(): Promise<ScrumProcess> {
  const database: TestDatabase = await createDatabase()
  const sql = postgres(database.url, { onnotice: () => {} })
  const port = await freePort()
  let child = await launch(database.url, port)
  return {
    address: `http://127.0.0.1:${port}`,
    sql,
    async killAndRestart() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      child = await launch(database.url, port)
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

async function launch(databaseUrl: string, port: number): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('../../apps/scrum/dist/server/main.js', import.meta.url))
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
    child.once('exit', (code) => reject(new Error(`The board ended with ${code}:\n${printed}`)))
  })
  return child
}
