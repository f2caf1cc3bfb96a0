import type { Broadcast, Json } from '@lockstep/protocol'
import { expect, test } from 'vitest'
import { Room, settle, type Visitor } from './room.setup.ts'

const hall = 'hall/1'

async function present(room: Room, session: string, channel = hall): Promise<Visitor> {
  const visitor = room.join(session)
  await visitor.subscribe(channel)
  await settle()
  visitor.got.length = 0
  return visitor
}

function tell(room: Room, visitor: Visitor, data: Json, channel = hall): void {
  room.hub.beside.broadcasts.take(visitor.connection, {
    type: 'broadcast',
    id: 4,
    channel,
    event: 'pointer',
    data,
  })
}

const heardBy = ({ got }: Visitor): Broadcast[] => got.filter((message) => message.type === 'broadcast')
const errorsOf = ({ got }: Visitor): string[] =>
  got.flatMap((message) => (message.type === 'error' ? [message.error.code] : []))

test('N5: reaches the others who are live now, in one write per turn, and is answered only where it is refused', async () => {
  const room = new Room()
  const [one, two, three] = [await present(room, 's1'), await present(room, 's2'), await present(room, 's3')]
  tell(room, one, { x: 1 })
  tell(room, one, { x: 2 })
  room.runtime.endTurn()
  const told = (x: number) => ({
    type: 'broadcast',
    channel: hall,
    session: 's1',
    event: 'pointer',
    data: { x },
  })
  expect(heardBy(two)).toEqual([told(1), told(2)])
  expect(heardBy(three)).toEqual([told(1), told(2)])
  expect(heardBy(one)).toEqual([])
  expect(errorsOf(one)).toEqual([])
  const late = await present(room, 's4')
  room.runtime.endTurn()
  expect(heardBy(late)).toEqual([])
})

test('N5, G9: needs the channel and the right to it, which the rule gives to audiences', async () => {
  const room = new Room()
  const member = await present(room, 's1')
  room.authorize = () => 'guest'
  const guest = await present(room, 's2')
  const elsewhere = await present(room, 's3', 'room/1')
  tell(room, guest, 1)
  tell(room, elsewhere, 1, 'room/1')
  tell(room, elsewhere, 1)
  tell(room, elsewhere, 1, 'nothing')
  room.runtime.endTurn()
  expect(errorsOf(guest)).toEqual(['forbidden'])
  expect(errorsOf(elsewhere)).toEqual(['forbidden', 'no_channel', 'no_channel'])
  expect(heardBy(member)).toEqual([])
})

test('N5, G12: has bounds: of bytes, of one session, and of a channel', async () => {
  const room = new Room()
  const senders = []
  for (let i = 0; i < 20; i++) senders.push(await present(room, `s${i}`))
  const listener = await present(room, 'listener')
  const [first] = senders
  if (first === undefined) throw new Error('unreachable')
  tell(room, first, 'x'.repeat(1_100))
  expect(errorsOf(first)).toEqual(['too_large'])
  for (let i = 0; i < 100; i++) tell(room, first, i)
  room.runtime.endTurn()
  expect(heardBy(listener)).toHaveLength(40)
  expect(errorsOf(first).filter((code) => code === 'too_fast')).toHaveLength(60)
  for (const sender of senders) for (let i = 0; i < 40; i++) tell(room, sender, i)
  room.runtime.endTurn()
  expect(heardBy(listener)).toHaveLength(200)
  room.runtime.advance(1_000)
  tell(room, first, 'again')
  room.runtime.endTurn()
  expect(heardBy(listener)).toHaveLength(201)
  expect(first.ended).toBeUndefined()
})

test('N5, G12: a connection without room does not get it, and goes on', async () => {
  const room = new Room()
  const [one, slow] = [await present(room, 's1'), await present(room, 's2')]
  slow.connection.full = true
  tell(room, one, 1)
  room.runtime.endTurn()
  slow.read()
  tell(room, one, 2)
  room.runtime.endTurn()
  expect(heardBy(slow).map(({ data }) => data)).toEqual([2])
})
