import type { Schedule } from '../schedule/schedule.ts'
import type { Journal } from './journal.ts'
import type { World } from './world.ts'

/** Answers may be sent to a connection that is full; few people ask for much in a run. */
const answerBytes = 4_096

/** How many times its bound a window may grow while a snapshot of its channel is read: `pinnedShare` of the log. */
const pinnedShare = 4
const views = 2

/** Takes down how large the queues of the server are. */
export function measure(world: World, { setting }: Schedule, journal: Journal): void {
  const process = world.node.process
  if (process === undefined || !process.owner.alive) return
  const { limits, bounds, rooms } = setting
  const { engine } = process
  const tell = (what: string, unit: 'bytes' | 'entries', size: number, bound: number): void => {
    if (size > bound / 2) journal.add({ kind: 'measured', where: 'node', what, unit, size, bound })
  }
  for (const { waitingBytes, largestBatch } of process.carriers) {
    // What is found to be full has taken one batch more.
    const bound = Math.max(limits.outboxBytesMax, bounds.markBytes) + largestBatch + answerBytes
    tell('outbox', 'bytes', waitingBytes, bound)
  }
  const pinned = pinnedShare * limits.logBytesMax * views * Object.keys(rooms).length
  const log = limits.logTotalBytesMax + pinned + limits.transactionBytesMax
  tell('log', 'bytes', engine.log.status().bytes, log)
  tell('snapshots', 'bytes', engine.snapshots.status().bytes, limits.snapshotBytesMax)
  tell('sessions', 'entries', engine.sessions.size, limits.sessionsMax)
}

/** When all is quiet: what each page shows, and what there is. */
export function takeFinal(world: World, { setting }: Schedule): void {
  const locks = world.node.process?.engine.locks
  for (const room of Object.keys(setting.rooms)) {
    const there: string[] = []
    for (const { page, witness } of world.people.values()) {
      const watched = witness?.rooms.get(room)
      if (page?.client.status.state === 'live' && watched?.channel.status.state === 'live')
        there.push(page.client.sessionId)
    }
    const held: Record<string, string> = {}
    for (const lock of locks?.current(`room/${room}`) ?? []) held[lock.resource] = lock.session
    for (const { witness } of world.people.values()) {
      const watched = witness?.rooms.get(room)
      // Who has left a room wants nothing of it.
      if (watched === undefined || watched.channel.status.state === 'idle') continue
      const shown = Object.fromEntries([...watched.locks.all()].map(([name, { session }]) => [name, session]))
      witness?.final(watched, {
        locks: { shown, held },
        presence: { shown: [...watched.presence.all().keys()], there },
      })
    }
  }
}
