import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { frame, givesBackMemory, type RawSocket, type Scene, startScene } from './bad-input.setup.ts'
import { signToken } from './session/token.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(async () => {
  await scene.neighbour.seesTheNextChange()
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plainNames)
})
const plainNames = Object.getOwnPropertyNames(Object.prototype).sort()

const subscribe = (fields: object): object => ({ type: 'subscribe', id: 7, channel: 'project/1', ...fields })

/** The code with which the server answers a message, and that the connection goes on after it. */
async function answer(socket: RawSocket, message: object | string): Promise<string> {
  socket.say(message)
  const { error } = await socket.next('error')
  socket.say({ type: 'barrier', id: 8 })
  await socket.next('barrier')
  expect(socket.closeCode).toBeUndefined()
  return error.code
}

describe('a message', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['a text', '"hello"'],
    ['half of JSON', '{"type":"barrier","id":'],
    ['two messages', '{"type":"barrier","id":1}{"type":"barrier","id":2}'],
    ['a byte order mark', '\ufeff{"type":"barrier","id":1}'],
    ['60,000 brackets', '['.repeat(60_000)],
    ['10,000 opened fields', '{"a":'.repeat(10_000)],
    ['100,000 brackets', '['.repeat(100_000)],
    ['100,000 opened fields', '{"a":'.repeat(100_000)],
    ['100,000 brackets that close', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['a megabyte that is no JSON', 'x'.repeat(1_000_000)],
    [
      '17 lists in lists in a field nobody reads',
      `{"type":"barrier","id":1,"x":${'['.repeat(17)}${']'.repeat(17)}}`,
    ],
    ['no type', '{"id":1}'],
    ['a type that is no text', '{"type":{"toString":"barrier"},"id":1}'],
    ['no number', '{"type":"barrier"}'],
    ['a number as text', '{"type":"barrier","id":"1"}'],
    ['number -1', '{"type":"barrier","id":-1}'],
    ['number -0', '{"type":"barrier","id":-0}'],
    ['number 1.5', '{"type":"barrier","id":1.5}'],
    ['number 2^53 + 1', '{"type":"barrier","id":9007199254740993}'],
    ['number 1e400', '{"type":"barrier","id":1e400}'],
    ['a second hello', '{"type":"hello","version":1,"token":"x"}'],
  ])('M11, M12: of %s is bad_request, and only it fails', async (_what, text) => {
    expect(await answer(await scene.socket('alice'), text)).toBe('bad_request')
  })

  it.each(['fly', '__proto__', 'constructor', 'toString', 'publish', ''])(
    'M12: of type "%s" is unknown_type, and only it fails',
    async (type) => {
      expect(await answer(await scene.socket('alice'), { type, id: 1 })).toBe('unknown_type')
    },
  )

  it.each<[string, unknown]>([
    ['empty', ''],
    ['a lone surrogate', 'project/\ud800'],
    ['with NUL', 'project/\0'],
    ['of 10 kB', `project/${'x'.repeat(10_000)}`],
    ['of 1 MB', `project/${'x'.repeat(1_000_000)}`],
    ['with an empty segment', 'project//1'],
    ['with a wildcard', 'project/**'],
    ['with a pattern', 'project/:project'],
    ['a number', 1],
    ['a list', ['project/1']],
    ['missing', undefined],
  ])('M12: with a channel that is %s is bad_channel, and only it fails', async (_what, channel) => {
    expect(await answer(await scene.socket('alice'), subscribe({ channel }))).toBe('bad_channel')
  })

  it('M12: with a lone surrogate as an escape is bad_channel', async () => {
    const text = '{"type":"subscribe","id":1,"channel":"project/\\ud800"}'
    expect(await answer(await scene.socket('alice'), text)).toBe('bad_channel')
  })

  it.each<[string, string]>([
    ['1e400', '1e400'],
    ['-0', '-0'],
    ['2^53 + 1', '9007199254740993'],
    ['60,000 digits', '9'.repeat(60_000)],
    ['an LSN of 2^53', '"e.20000000000000"'],
    ['an LSN of 60,000 digits', `"e.${'1'.repeat(60_000)}"`],
    ['10^6 digits', '9'.repeat(1_000_000)],
    ['an LSN of 10^6 digits', `"e.${'1'.repeat(1_000_000)}"`],
    ['an LSN with a zero before it', '"e.01"'],
    ['an LSN below zero', '"e.-1"'],
    ['an LSN with an exponent', '"e.1e+3"'],
    ['no epoch', '".1"'],
    ['an epoch of 17 letters', '"aaaaaaaaaaaaaaaaa.1"'],
    ['NUL', '"e\\u0000.1"'],
    ['nothing', '""'],
    ['null', 'null'],
    ['an object', '{"epoch":"e","lsn":1}'],
  ])('P3, M12: with a position of %s is bad_position, and only it fails', async (_what, position) => {
    const text = `{"type":"subscribe","id":1,"channel":"project/1","position":${position}}`
    expect(await answer(await scene.socket('alice'), text)).toBe('bad_position')
  })

  it('M12: takes __proto__ and constructor for plain names', async () => {
    const socket = await scene.socket('alice')
    socket.say(
      '{"type":"barrier","id":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}',
    )
    expect((await socket.next('barrier')).id).toBe(1)
    expect(await answer(socket, '{"__proto__":{"type":"barrier","id":1}}')).toBe('bad_request')
    for (const channel of ['__proto__', 'constructor', 'project/__proto__', 'project/constructor']) {
      socket.say(subscribe({ channel }))
      if (channel.startsWith('project/')) expect((await socket.next('live')).channel).toBe(channel)
      else expect((await socket.next('error')).error.code).toBe('no_channel')
      socket.say({ type: 'unsubscribe', id: 9, channel })
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined() // the look at what must not be there
  })

  it('G9: about a channel that is forbidden is answered as about one that does not exist', async () => {
    const socket = await scene.socket('olivia')
    const answers = []
    for (const channel of [
      'project/2',
      'project/%00',
      'project/%41',
      'nothing',
      '__proto__',
      'project/1/2',
    ]) {
      socket.say(subscribe({ channel }))
      const { channel: about, ...rest } = await socket.next('error')
      expect(about).toBe(channel)
      answers.push(JSON.stringify(rest))
    }
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('no_channel')
  })

  it.each<[string, (epoch: string) => string]>([
    ['future', (epoch) => `${epoch}.1fffffffffffff`],
    ['epoch', () => 'someotherepoch.1'],
    ['trimmed', (epoch) => `${epoch}.0`],
  ])(
    'R1: with a position that cannot be continued is answered with a reset: %s',
    async (reason, position) => {
      const socket = await scene.socket('olivia')
      const [epoch = ''] = (await scene.server.barrier()).split('.')
      socket.say(subscribe({ position: position(epoch) }))
      expect((await socket.next('reset')).reason).toBe(reason)
      await socket.next('live')
    },
  )

  it('E1, L2: over the bound on subscriptions is too_many, and a flood of them closes with 4429', async () => {
    await givesBackMemory(async () => {
      const socket = await scene.socket('alice')
      for (let i = 0; i < 1_001; i++) socket.say(subscribe({ id: i, channel: `project/${i + 10}` }))
      const { id, error } = await socket.next('error')
      expect([id, error.code]).toEqual([1_000, 'too_many'])
      for (let i = 0; i < 100; i++) {
        socket.say(
          ...Array.from({ length: 1_000 }, (_, n) => subscribe({ id: n, channel: `project/${i}-${n}` })),
        )
      }
      expect(await socket.code()).toBe(4429)
      socket.end()
    })
  })

  it('G12: of a client that asks and does not read what it is answered ends its connection', async () => {
    const patient = await startScene({ limits: { requestsBurst: 1_000_000 } })
    const socket = await patient.socket('alice')
    socket.stopReading()
    const one = frame(1, '[]')
    socket.write(Buffer.alloc(one.length * 100_000, one))
    for (let i = 0; i < 10; i++) await patient.neighbour.seesTheNextChange()
    // All answers together have 15 MB.
    expect(patient.waitingBytes()).toBeLessThan(3 * 1_048_576)
    socket.goOnReading()
    expect(await socket.code()).toBe(4429)
    await patient.neighbour.seesTheNextChange()
    await patient.close()
  })

  it('M3: of 2,000 barriers at once is answered each, and nobody waits for them', async () => {
    const socket = await scene.socket('alice')
    socket.say(...Array.from({ length: 2_000 }, (_, id) => ({ type: 'barrier', id })))
    await scene.neighbour.seesTheNextChange()
    await eventually(() =>
      expect(socket.messages.filter(({ type }) => type === 'barrier')).toHaveLength(2_000),
    )
  })

  it('M2: of coming and going 1,000 times leaves nothing behind', async () => {
    const { subscriptions } = scene.server.status()
    await givesBackMemory(async () => {
      const socket = await scene.socket('alice')
      for (let id = 0; id < 1_000; id++) {
        socket.say(subscribe({ id }), { type: 'unsubscribe', id, channel: 'project/1' })
      }
      socket.say({ type: 'barrier', id: 1 })
      await socket.next('barrier')
      expect(scene.server.status().subscriptions).toBe(subscriptions)
      socket.end()
    })
  })
})

describe('a hello', () => {
  const hello = (token: unknown, version: unknown = 1): object => ({ type: 'hello', version, token })

  async function refusal(...messages: (object | string)[]): Promise<string> {
    const socket = await scene.socket()
    socket.say(...messages, subscribe({}), { type: 'barrier', id: 1 })
    const code = await socket.code()
    const answers = socket.messages.map((message) =>
      message.type === 'error' ? message.error.code : message.type,
    )
    return `${code} ${answers.join(' ')}`
  }

  it.each<[string, (token: string) => unknown]>([
    ['an empty token', () => ''],
    ['no token', () => undefined],
    ['a token that is no text', () => ({})],
    ['a token of 60 kB', () => 'A'.repeat(60_000)],
    ['a token with another padding', (token) => `${token}=`],
    ['half a token', (token) => token.slice(0, token.length / 2)],
    [
      'a token with a letter changed',
      (token) => `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`,
    ],
  ])('S1: with %s is refused, and so is all that follows', async (_what, change) => {
    const { token } = scene.server.issueSession({ id: 'alice' })
    expect(await refusal(hello(change(token)))).toMatch(/^(4401 unauthorized|4400 bad_request)$/)
  })

  it('S1: with a token for somebody else’s session that it made itself is refused', async () => {
    const { id } = scene.server.issueSession({ id: 'alice' })
    const forged = signToken('another secret of more than thirty-two characters', {
      session: id,
      user: { id: 'olivia' },
      expiresAt: Number.MAX_SAFE_INTEGER,
    })
    expect(await refusal(hello(forged))).toBe('4401 unauthorized')
  })

  it('S1: with a token that is too old is refused as such', async () => {
    const old = signToken(scene.secret, { session: 'old', user: { id: 'alice' }, expiresAt: 1 })
    expect(await refusal(hello(old))).toBe('4401 session_expired')
  })

  it.each([0, 2, -1, '1', null, 1.5])('P1: of version %s is refused', async (version) => {
    const { token } = scene.server.issueSession({ id: 'alice' })
    expect(await refusal(hello(token, version))).toBe('4400 bad_request')
  })

  it('M1: is what everything waits for', async () => {
    expect(await refusal(subscribe({}))).toBe('4401 unauthorized')
    expect(await refusal('{')).toBe('4400 bad_request')
    expect(await refusal({ type: 'fly' })).toBe('4400 unknown_type')
  })

  it('S2: of a session named __proto__ is one like any other', async () => {
    const token = signToken(scene.secret, { session: '__proto__', user: { id: 'alice' }, expiresAt: 8.64e15 })
    const socket = await scene.socket()
    socket.say(hello(token))
    expect((await socket.next('welcome')).session).toBe('__proto__')
  })

  it('M1, S2: of 100 connections with one token leaves one of them', async () => {
    const { token } = scene.server.issueSession({ id: 'alice' })
    const sockets = await Promise.all(Array.from({ length: 100 }, () => scene.socket()))
    const { sessions } = scene.server.status()
    for (const socket of sockets) socket.say(hello(token), subscribe({}))
    await eventually(() => expect(sockets.filter(({ closeCode }) => closeCode === 4409)).toHaveLength(99))
    const left = sockets.filter(({ closeCode }) => closeCode === undefined)
    expect(left).toHaveLength(1)
    await left[0]?.next('live')
    expect(scene.server.status().sessions).toBe(sessions + 1)
  })
})
