import { Attendance } from './attendance.ts'
import type { Authoriser } from './authoriser.ts'
import { Broadcasts } from './broadcasts.ts'
import { Locking } from './locking.ts'
import { Notices } from './notices.ts'
import { Occupancy } from './occupancy.ts'
import type { HubParts } from './parts.ts'
import type { SubscriberLists } from './subscriber-list.ts'

/** What channels have beside their rows: locks, who is there, and what nobody keeps. */
export class Beside {
  readonly notices: Notices
  readonly locking: Locking
  readonly attendance: Attendance
  readonly broadcasts: Broadcasts
  readonly occupancy: Occupancy

  /** `flush`: sends the transactions that are at hand. */
  constructor(parts: HubParts, lists: SubscriberLists, authoriser: Authoriser, flush: () => void) {
    const { locks, presence, sessions, runtime, limits } = parts
    const showUser: HubParts['showUser'] = (user) => parts.showUser(user)
    this.notices = new Notices(lists, runtime, flush)
    const { notices } = this
    this.occupancy = new Occupancy({ locks, presence, runtime, logoutMs: limits.logoutMs })
    this.locking = new Locking({ locks, sessions, notices, authoriser, showUser })
    const tells = (channel: string): boolean => authoriser.ruleOf(channel)?.presence === true
    this.attendance = new Attendance({ presence, notices, tells, showUser, limits })
    this.broadcasts = new Broadcasts(lists, runtime, limits)
  }
}
