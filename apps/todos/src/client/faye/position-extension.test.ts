import { describe, expect, test } from 'vitest'
import { PositionExtension } from './position-extension.js'

const [lists, todos] = ['/sync/team/1/lists', '/sync/list/1/todos']

interface Message {
  channel: string
  subscription?: string | string[]
  successful?: boolean
  ext?: { lockstep: object }
}

function outgoing(extension: PositionExtension, channel: string): object | undefined {
  let sent: Message = { channel }
  extension.outgoing(sent, (message) => {
    sent = message
  })
  return sent.ext?.lockstep
}

function incoming(extension: PositionExtension, message: Message): void {
  extension.incoming(message, (passed) => expect(passed).toBe(message))
}

const at = (channel: string, position: string): Message => ({ channel, ext: { lockstep: { position } } })
const grant = (channel: string): Message => ({
  channel: '/meta/subscribe',
  subscription: channel,
  successful: true,
})

describe('Y6: a Faye client with the extension', () => {
  test('subscribes from the page’s positions, then from those of its last messages', () => {
    const extension = new PositionExtension({ [lists]: 'e.1', [todos]: 'e.2' })
    expect(outgoing(extension, '/meta/handshake')).toEqual({ resume: true })
    expect(outgoing(extension, '/meta/subscribe')).toEqual({ positions: { [lists]: 'e.1', [todos]: 'e.2' } })
    incoming(extension, at(todos, 'e.7'))
    expect(outgoing(extension, '/meta/subscribe')).toEqual({ positions: { [lists]: 'e.1', [todos]: 'e.7' } })
  })

  test('lets a quiet channel come on with replies to connect, once it was granted', () => {
    const extension = new PositionExtension({ [lists]: 'e.1', [todos]: 'e.2' })
    incoming(extension, grant(lists))
    incoming(extension, at('/meta/connect', 'e.9'))
    expect(extension.positions).toEqual({ [lists]: 'e.9', [todos]: 'e.2' })
    // A new handshake: until it is subscribed again, a reply to connect says nothing of what was missed.
    outgoing(extension, '/meta/handshake')
    incoming(extension, at('/meta/handshake', 'e.20'))
    incoming(extension, at('/meta/connect', 'e.20'))
    expect(extension.positions[lists]).toBe('e.9')
  })

  test('is live while the server has granted every channel to the client of the last handshake', () => {
    const extension = new PositionExtension({ [lists]: 'e.1', [todos]: 'e.2' })
    const states: boolean[] = []
    extension.onChange = () => states.push(extension.isLive)
    outgoing(extension, '/meta/handshake')
    incoming(extension, grant(lists))
    incoming(extension, { ...grant(todos), successful: false })
    incoming(extension, grant(todos))
    outgoing(extension, '/meta/handshake')
    expect(states).toEqual([false, false, true, false])
  })

  test('begins the rows of a channel anew where the server says reset', () => {
    const extension = new PositionExtension({ [todos]: 'e.2' })
    let resets = 0
    extension.resets.set(todos, () => resets++)
    incoming(extension, { channel: todos, ext: { lockstep: { reset: 'trimmed', position: 'f.1' } } })
    expect(resets).toBe(1)
    expect(extension.positions[todos]).toBe('f.1')
    expect(outgoing(extension, '/meta/connect')).toBeUndefined()
  })
})
