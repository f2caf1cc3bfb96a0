const lookMs = 500

/**
 * Ends this process, as SIGTERM does, when npm is gone: npm passes a signal to its shell only, which ends
 * and tells nobody, and the program would be left behind with its port. Anyone else's child may outlive them.
 */
export function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, lookMs)
  timer.unref()
}
