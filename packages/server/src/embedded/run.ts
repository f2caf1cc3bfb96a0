import { spawn } from 'node:child_process'

export interface RunResult {
  /** Exit code; -1 where the program could not be started. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Whom a program runs as. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/** Runs a program to its end, as another account where one is given. Never rejects. */
export function run(program: string, args: readonly string[], account?: RunAs): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...account,
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on('error', (error) => resolve({ code: -1, stdout, stderr: error.message }))
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}
