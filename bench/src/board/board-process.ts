import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { freePort } from '@lockstep/testing'

const main = fileURLToPath(new URL('../../../apps/scrum/dist/server/main.js', import.meta.url))

/** The built Scrum board in a process of its own. */
export interface BoardProcess {
  readonly address: string
  stop(): Promise<void>
}

/** @throws Error where the board has not been built, or does not start */
export async function startBoard(databaseUrl: string): Promise<BoardProcess> {
  if (!existsSync(main)) throw new Error('The Scrum board is not built: npm run build')
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, DATABASE_URL: databaseUrl, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await ready(child)
  return {
    address: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      await ended
    },
  }
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('is ready at')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`the Scrum board ended with ${code}`)))
  })
}
