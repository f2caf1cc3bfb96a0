import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { childrenOf, commandOf, gone, isAlive, signal } from './processes.ts'

export interface PostmasterOptions {
  readonly binaries: Binaries
  readonly account: Account | undefined
  readonly dataDir: string
  readonly port: number
  readonly settings: Readonly<Record<string, string>>
  readonly deleteAtEnd: boolean
  readonly logger: Logger
}

const startMs = 60_000
const stopMs = 15_000

/**
 * The Postgres server process. A watcher process (a few lines of shell) holds a pipe of this process and
 * ends Postgres when the pipe closes, so that nothing stays behind however this process ends.
 */
export class Postmaster {
  readonly #options: PostmasterOptions
  #child: ChildProcess | undefined
  #watcher: ChildProcess | undefined
  #deleted = false

  constructor(options: PostmasterOptions) {
    this.#options = options
  }

  /** Ends a Postgres that a former process left on these data. @throws SetupError where that process lives. */
  async takeOver(): Promise<void> {
    const { dataDir, logger } = this.#options
    const pidFile = join(dataDir, 'postmaster.pid')
    const pid = await readPid(pidFile)
    if (pid === undefined) return
    const command = isAlive(pid) ? await commandOf(pid) : ''
    if (!/postgres/.test(command) || !command.includes(dataDir)) {
      // Its number was given to another process since: Postgres itself would refuse to start.
      await rm(pidFile, { force: true })
      return
    }
    const owner = await readPid(join(dataDir, 'lockstep.owner'))
    if (owner !== undefined && isAlive(owner) && /node/.test(await commandOf(owner)))
      throw new SetupError([
        {
          code: 'data_folder',
          message: `The data folder ${dataDir} is in use by process ${owner}. End that process, or give another data folder.`,
        },
      ])
    logger.warn(`Ending the Postgres that a former process left running (process ${pid}).`)
    await end(pid)
  }

  /** @throws SetupError `port_in_use` or `postgres_failed`. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return
    if (this.#deleted)
      throw new Error('The data went with stop(); start another one, or keep them: persistent: true.')
    await this.takeOver()
    const { binaries, account, dataDir, port, settings } = this.#options
    const args = ['-D', dataDir, '-p', String(port)]
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
    const child = spawn(binaries.postgres, args, {
      ...account,
      cwd: dataDir,
      env: { ...process.env, LC_ALL: 'C', PGDATA: dataDir },
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own: Ctrl-C is for this process, which then ends Postgres in its own time.
      detached: true,
    })
    this.#child = child
    child.on('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    try {
      await this.#ready(child)
    } catch (error) {
      if (child.pid !== undefined) await end(child.pid)
      this.#child = undefined
      throw error
    }
    this.#watch(child)
    await writeFile(join(dataDir, 'lockstep.owner'), `${process.pid}\n`)
    // Neither keeps this process alive.
    child.unref()
    const { stderr } = child
    if (stderr !== null && 'unref' in stderr && typeof stderr.unref === 'function') stderr.unref()
  }

  #ready(child: ChildProcess): Promise<void> {
    const { port, logger, dataDir } = this.#options
    return new Promise((resolve, reject) => {
      let said = ''
      let ready = false
      let poll: NodeJS.Timeout | undefined
      const fail = (code: 'port_in_use' | 'postgres_failed', message: string): void => {
        clearInterval(poll)
        clearTimeout(timeout)
        reject(new SetupError([{ code, message }]))
      }
      const timeout = setTimeout(
        () => fail('postgres_failed', `Postgres did not start within ${startMs / 1000} s.\n${said}`),
        startMs,
      )
      child.stderr?.on('data', (chunk: Buffer) => {
        const text = chunk.toString()
        if (!ready) said = (said + text).slice(-8_000)
        for (const line of text.split('\n')) {
          if (/ (FATAL|PANIC):/.test(line) && ready) logger.debug(`postgres: ${line}`)
        }
      })
      child.on('error', (error) => fail('postgres_failed', `Postgres could not be started: ${error.message}`))
      child.on('close', () => {
        if (ready) return
        if (/could not bind|could not create any TCP/.test(said))
          fail(
            'port_in_use',
            `Port ${port} on 127.0.0.1 is in use by another program. Give another port, or end that program.`,
          )
        else fail('postgres_failed', `Postgres ended while starting:\n${said.trim()}`)
      })
      // The eighth line of postmaster.pid says `ready` once connections are taken, in any log setting.
      poll = setInterval(async () => {
        const lines = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
        const parts = lines.split('\n')
        if (Number(parts[0]) !== child.pid || parts[7]?.trim() !== 'ready' || ready) return
        ready = true
        clearInterval(poll)
        clearTimeout(timeout)
        resolve()
      }, 5)
    })
  }

  #watch(child: ChildProcess): void {
    if (process.platform === 'win32' || child.pid === undefined) {
      process.once('exit', () => child.kill('SIGINT'))
      return
    }
    const script = [
      'read -r word; [ "$word" = done ] && exit 0',
      'kill -INT "$1" 2>/dev/null; i=0',
      'while kill -0 "$1" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done',
      'kill -KILL "$1" 2>/dev/null',
      '[ -n "$2" ] && sleep 0.2 && rm -rf "$2"',
      'exit 0',
    ].join('\n')
    const watcher = spawn(
      '/bin/sh',
      ['-c', script, 'sh', String(child.pid), this.#options.deleteAtEnd ? this.#options.dataDir : ''],
      { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
    )
    watcher.on('error', () => {})
    watcher.stdin.on('error', () => {}) // it has gone already
    watcher.unref()
    if ('unref' in watcher.stdin && typeof watcher.stdin.unref === 'function') watcher.stdin.unref()
    this.#watcher = watcher
  }

  async stop(): Promise<void> {
    const pid = this.#child?.pid
    if (pid !== undefined) await end(pid)
    this.#dismissWatcher()
    this.#child = undefined
    if (!this.#options.deleteAtEnd) return
    this.#deleted = true
    await rm(this.#options.dataDir, { recursive: true, force: true })
  }

  async kill(): Promise<void> {
    const pid = this.#child?.pid
    if (pid === undefined) return
    this.#dismissWatcher()
    // The parent first, or it would start crash recovery when its children die.
    signal(pid, 'SIGSTOP')
    const children = await childrenOf(pid)
    signal(pid, 'SIGKILL')
    for (const child of children) signal(child, 'SIGKILL')
    await Promise.all([pid, ...children].map((one) => gone(one, stopMs)))
    this.#child = undefined
  }

  #dismissWatcher(): void {
    this.#watcher?.stdin?.end('done\n')
    this.#watcher = undefined
  }
}

/** Fast shutdown, then an immediate one, then SIGKILL for it and its children. */
async function end(pid: number): Promise<void> {
  signal(pid, 'SIGINT')
  if (await gone(pid, stopMs)) return
  signal(pid, 'SIGQUIT')
  if (await gone(pid, 5_000)) return
  const children = await childrenOf(pid)
  for (const one of [pid, ...children]) signal(one, 'SIGKILL')
  await gone(pid, 5_000)
}

async function readPid(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
}
