import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'

const run = promisify(execFile)

const flags: readonly string[] = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

const names: readonly string[] = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'chrome',
]

const places: readonly string[] = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/**
 * Path of a Chromium or Chrome on this machine: the one named by `LOCKSTEP_CHROMIUM`, one on the PATH, in
 * a usual place, or one that Playwright installed; undefined where there is none.
 */
export function findChromium(): string | undefined {
  const named = process.env['LOCKSTEP_CHROMIUM']
  if (named !== undefined && named !== '') return isExecutable(named) ? named : undefined
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')
  const candidates = [
    ...names.flatMap((name) => directories.map((directory) => join(directory, name))),
    ...places,
    playwrightsOwn(),
  ]
  return candidates.find((path) => path !== undefined && isExecutable(path))
}

/**
 * Whether tests that need a browser are to be skipped: there is none. In continuous integration (`CI=true`)
 * they never are; there they fail.
 */
export function withoutBrowser(): boolean {
  return process.env['CI'] !== 'true' && findChromium() === undefined
}

/** Starts a headless browser. The caller closes it. @throws Error where there is no Chromium. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) {
    const named = process.env['LOCKSTEP_CHROMIUM']
    throw new Error(
      named === undefined || named === ''
        ? 'No Chromium found. Install one (npx playwright-core install chromium), or name it in LOCKSTEP_CHROMIUM.'
        : `LOCKSTEP_CHROMIUM names ${named}, which is no program.`,
    )
  }
  return chromium.launch({ executablePath, args: [...flags] })
}

/**
 * Installs Chromium: from the system's packages where this process is root and there is apt-get, else
 * Playwright's own build into the user's cache. Resolves with its path.
 * @throws Error saying what was tried, with the installer's last words.
 */
export async function installChromium(tell: (line: string) => void = () => {}): Promise<string> {
  const failures: string[] = []
  for (const installer of installers()) {
    tell(`Installing Chromium with ${installer.name} ...`)
    try {
      for (const [file, args] of installer.commands) {
        await run(file, args, {
          env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
          maxBuffer: 1 << 26,
        })
      }
    } catch (error) {
      failures.push(`${installer.name}: ${lastWords(error)}`)
      continue
    }
    const path = findChromium()
    if (path !== undefined) return path
    failures.push(`${installer.name}: ended well, but there is no Chromium after it`)
  }
  throw new Error(`Chromium could not be installed.\n${failures.join('\n')}`)
}

interface Installer {
  readonly name: string
  readonly commands: readonly (readonly [file: string, args: readonly string[]])[]
}

function installers(): Installer[] {
  const list: Installer[] = []
  if (process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')) {
    list.push({
      name: 'apt-get',
      commands: [
        ['apt-get', ['update', '-qq']],
        ['apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium']],
      ],
    })
  }
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), 'cli.js')
  list.push({ name: 'playwright-core', commands: [[process.execPath, [cli, 'install', 'chromium']]] })
  return list
}

function playwrightsOwn(): string | undefined {
  try {
    return chromium.executablePath()
  } catch {
    return undefined // this platform has no build of it
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function lastWords(error: unknown): string {
  const text =
    error instanceof Error &&
    'stderr' in error &&
    typeof error.stderr === 'string' &&
    error.stderr.trim() !== ''
      ? error.stderr
      : String(error)
  return text.trim().split('\n').slice(-3).join(' ')
}
