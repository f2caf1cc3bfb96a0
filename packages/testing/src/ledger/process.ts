import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CallbackOptions, Limits, SyncServerStatus } from '@lockstep/server'

export interface LedgerServer {
  readonly port: number
  /** Ends it with SIGKILL. */
  kill(): Promise<void>
  /** Ends it as an operator would. */
  stop(): Promise<void>
  status(): Promise<SyncServerStatus>
}

/**
 * Starts the ledger's sync server in a process of its own. Resolves when it takes clients.
 * @throws Error with what it printed, when it ends instead.
 */
export async function startLedgerServer(options: {
  readonly database: string
  /** Default: a free one. */
  readonly port?: number
  readonly limits?: Partial<Limits>
  readonly callbacks?: CallbackOptions
  /** A table to record the states of sessions in. */
  readonly sessions?: string
}): Promise<LedgerServer> {
  // The built program, also when this file runs from its source: Node 20 takes no TypeScript.
  const main = fileURLToPath(new URL('../../dist/ledger/main.js', import.meta.url))
  const child = fork(main, {
    env: {
      ...process.env,
      DATABASE_URL: options.database,
      PORT: String(options.port ?? 0),
      LIMITS: JSON.stringify(options.limits ?? {}),
      ...(options.callbacks === undefined ? {} : { CALLBACKS: JSON.stringify(options.callbacks) }),
      ...(options.sessions === undefined ? {} : { SESSIONS: options.sessions }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => {
      if (typeof message === 'object' && 'ready' in message) resolve(Number(message.ready))
    })
    child.once('exit', (code) => reject(new Error(`The ledger server ended with ${code}: ${printed}`)))
  })
  return {
    port,
    kill: () => end(child, 'SIGKILL'),
    stop: () => end(child, 'SIGTERM'),
    status: () => statusOf(child),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

async function statusOf(child: ChildProcess): Promise<SyncServerStatus> {
  const answer = once(child, 'message')
  child.send('status')
  const [message] = await answer
  return message.status
}
