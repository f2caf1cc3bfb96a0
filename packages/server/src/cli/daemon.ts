import { type ChildProcess, spawn } from 'node:child_process'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { gone, signal } from '../embedded/processes.ts'
import { ConfigError, textOf } from './config-error.ts'
import { type Instance, instanceOn, logFile, makeFolder } from './instance.ts'

/** How long a server may take to end after it was told to, in ms: it drains, and stops its database. */
export const stopMsMax = 60_000

/** A log that has grown beyond this becomes `lockstep.log.1` when a server starts. */
const logBytesMax = 10_485_760

/** How much of the log is shown when a server does not start, in bytes. */
const tailBytes = 8_192

/** What the child says to whoever started it. */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'failed'; readonly message: string }

export interface StartOptions {
  readonly dataDir: string
  /** Arguments after the program's name. No secret may stand in them: everybody can read them. */
  readonly args: readonly string[]
  /** Beside the environment of this process. */
  readonly secrets: Readonly<Record<string, string>>
}

/**
 * Starts the server as a process of its own that outlives this one, and resolves when it is ready.
 * @throws ConfigError with what the server said where it did not start
 */
export async function startDaemon({ dataDir, args, secrets }: StartOptions): Promise<Instance> {
  await makeFolder(dataDir)
  const path = logFile(dataDir)
  const log = await openLog(path)
  try {
    const [, program = ''] = process.argv
    const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
      detached: true,
      env: { ...process.env, ...secrets },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    })
    const message = await firstWord(child)
    if (message.kind === 'ready') {
      child.disconnect()
      child.unref()
      return { pid: child.pid ?? 0, start: '', url: message.url }
    }
    throw new ConfigError(message.message || (await tailOf(path)))
  } finally {
    await log.close()
  }
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    if (size > logBytesMax) await rename(path, `${path}.1`)
    return await open(path, 'a')
  } catch (cause) {
    throw new ConfigError(`The log ${path} cannot be written: ${textOf(cause)}.`, { cause })
  }
}

function firstWord(child: ChildProcess): Promise<ChildMessage> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(message as ChildMessage)) // our own program said it
    child.once('error', (error) => resolve({ kind: 'failed', message: error.message }))
    child.once('exit', () => resolve({ kind: 'failed', message: '' }))
  })
}

/** The end of the log, where the server ended without a word. */
async function tailOf(path: string): Promise<string> {
  const log = await open(path)
  try {
    const { size } = await log.stat()
    const { buffer, bytesRead } = await log.read(
      Buffer.alloc(tailBytes),
      0,
      tailBytes,
      Math.max(0, size - tailBytes),
    )
    return `The server ended while starting. Its log, ${path}, ends with:\n${buffer.toString('utf8', 0, bytesRead)}`
  } finally {
    await log.close()
  }
}

/**
 * Tells the server on the folder to end, and waits until it has. Undefined: there was none.
 * @throws ConfigError where it does not end
 */
export async function stopInstance(dataDir: string): Promise<Instance | undefined> {
  const instance = await instanceOn(dataDir)
  if (instance === undefined) return undefined
  signal(instance.pid, 'SIGTERM')
  if (await gone(instance.pid, stopMsMax)) return instance
  throw new ConfigError(
    `Process ${instance.pid} has not ended within ${stopMsMax / 1000} s. Its log is ${logFile(dataDir)}; "kill -9 ${instance.pid}" ends it at once.`,
  )
}

/** Tells the one who waits for this server, if it was started as a daemon. */
export function tellParent(message: ChildMessage): void {
  // Whoever waited may have given up meanwhile: then there is nobody to tell, and no harm in it.
  if (process.send !== undefined && process.connected) process.send(message, undefined, undefined, () => {})
}
