import type { Browser } from 'playwright-core'

/** Processes of a browser on this machine, to do to them what no browser would do itself. */
export interface BrowserProcesses {
  /** Kills it whole, with everything that belongs to it. Nothing is said on any socket. */
  kill(): void
  /** Kills only what runs its pages; the process that owns their sockets lives on. */
  killRenderers(): Promise<void>
  /** Stops all of it where it stands, as a machine that falls asleep. It cannot be closed until it wakes. */
  sleep(): void
  wake(): void
  /** Whether it sleeps. */
  readonly asleep: boolean
}

interface ProcessInfo {
  readonly type: string
  readonly id: number
}

export async function processesOf(browser: Browser): Promise<BrowserProcesses> {
  const devtools = await browser.newBrowserCDPSession()
  const all = async (): Promise<ProcessInfo[]> =>
    (await devtools.send('SystemInfo.getProcessInfo')).processInfo
  const main = (await all()).find(({ type }) => type === 'browser')
  if (main === undefined) throw new Error('the browser does not tell its process')
  // Playwright starts each browser as the leader of a group of its own.
  const toAll = (signal: NodeJS.Signals): void => void process.kill(-main.id, signal)
  let asleep = false
  return {
    get asleep() {
      return asleep
    },
    kill: () => toAll('SIGKILL'),
    async killRenderers() {
      for (const { type, id } of await all()) if (type === 'renderer') process.kill(id, 'SIGKILL')
    },
    sleep() {
      asleep = true
      toAll('SIGSTOP')
    },
    wake() {
      asleep = false
      toAll('SIGCONT')
    },
  }
}
