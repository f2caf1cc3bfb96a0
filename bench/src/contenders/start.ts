import { startBare } from './bare.ts'
import type { Contender, ContenderName } from './contender.ts'
import { startFaye } from './faye.ts'
import {
  startLockstep,
  startLockstepBayeux,
  startLockstepInspected,
  startLockstepLocks,
  startLockstepPresence,
} from './lockstep.ts'
import { startSocketIo } from './socket-io.ts'
import { startWs } from './ws.ts'

export function startContender(name: ContenderName): Promise<Contender> {
  switch (name) {
    case 'bare':
      return startBare(1)
    case 'bare16':
      return startBare(16)
    case 'ws':
      return startWs()
    case 'socket.io':
      return startSocketIo()
    case 'faye':
      return startFaye()
    case 'lockstep':
      return startLockstep()
    case 'lockstep-inspector':
      return startLockstepInspected()
    case 'lockstep-locks':
      return startLockstepLocks()
    case 'lockstep-presence':
      return startLockstepPresence()
    case 'lockstep-bayeux':
      return startLockstepBayeux()
  }
}
