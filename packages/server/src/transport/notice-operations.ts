import type { Json, Operation, ServerMessage } from '@lockstep/protocol'

/**
 * What is told beside rows, as operations; undefined: the message is of another kind. Who came and who is gone are two
 * operations, since seed B's pages listen to the latter alone. @see docs/protocol.md Y12, J3
 */
export function noticeOperations(message: ServerMessage): readonly Operation[] | undefined {
  switch (message.type) {
    case 'current_locks':
      return [operation('current_locks', { locks: message.locks })]
    case 'locks':
      return [operation('locks', { taken: message.taken, freed: message.freed })]
    case 'connected_users':
      return [operation('connected_users', { users: message.users, more: message.more })]
    case 'presence': {
      const { here, gone, more } = message
      return [
        ...(gone.length > 0 ? [operation('disconnected', { sessions: gone, more })] : []),
        // Also where only the number of those beyond has changed.
        ...(here.length > 0 || gone.length === 0 ? [operation('presence', { here, more })] : []),
      ]
    }
    default:
      return undefined
  }
}

function operation(name: string, envelope: object): Operation {
  return { operation: name, envelope: envelope as Json } // states of locks and of presence are JSON
}
