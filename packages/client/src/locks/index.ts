export type { Lock, LockEvents, LockOptions, LockPhase, LockQuestion, LostReason } from './lock.ts'
export { type ChannelLocks, LockError, type LocksOptions, locksOf, type ShownLock } from './locks.ts'
