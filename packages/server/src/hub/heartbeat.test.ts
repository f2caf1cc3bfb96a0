import { expect, test } from 'vitest'
import { Room, settle } from './room.setup.ts'

test('M8: whenever a connection comes, it hears a heartbeat once per interval, from the first on', async () => {
  const heartbeatMs = 16_000
  const room = new Room({ heartbeatMs })
  for (let comes = 0; comes < 40; comes++) {
    // Others come and go, which must not move anybody's turn.
    const others = Array.from({ length: comes % 7 }, (_, i) => room.join(`other${comes}.${i}`))
    const visitor = room.join(`s${comes}`)
    await visitor.subscribe('room/1')
    await settle()
    for (let interval = 0; interval < 3; interval++) {
      visitor.got.length = 0
      room.runtime.advance(heartbeatMs)
      expect(visitor.heard, `come ${comes}, interval ${interval}`).toEqual(['heartbeat'])
      for (const other of others) room.hub.disconnect(other.connection)
    }
    room.hub.disconnect(visitor.connection)
    room.runtime.advance(1_300)
  }
})

test('M8: a clock that is set back by an hour holds up no heartbeat', async () => {
  const heartbeatMs = 16_000
  const room = new Room({ heartbeatMs })
  const visitor = room.join('s1')
  await visitor.subscribe('room/1')
  await settle()
  room.runtime.setBack(3_600_000)
  for (let interval = 0; interval < 3; interval++) {
    visitor.got.length = 0
    room.runtime.advance(heartbeatMs)
    expect(visitor.heard, `interval ${interval}`).toEqual(['heartbeat'])
  }
})
