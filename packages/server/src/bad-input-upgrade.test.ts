import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { LockstepError } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { frame, RawSocket, type Scene, startScene, upgradeRequest } from './bad-input.setup.ts'
import { refuseUpgrade } from './transport/upgrade.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(() => scene.neighbour.seesTheNextChange())

async function refusal(request: string): Promise<string> {
  const { status, head, body } = await scene.bytes().write(request).reply()
  expect(head).toMatch(/^content-type: application\/json$/im)
  const { error } = JSON.parse(body)
  expect(Object.keys(error)).toEqual(['code', 'message', 'retryable'])
  return `${status} ${error.code}`
}

describe('an upgrade', () => {
  it.each<[string, Record<string, string | undefined>]>([
    ['without a key', { 'Sec-WebSocket-Key': undefined }],
    ['with a short key', { 'Sec-WebSocket-Key': 'AAAA' }],
    ['with a key that is no base64', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAA*==' }],
    ['to something else', { Upgrade: 'h2c' }],
    ['to two things', { Upgrade: 'websocket, h2c' }],
    ['with a subprotocol twice', { 'Sec-WebSocket-Protocol': 'a, b, a' }],
    ['with a subprotocol that is no name', { 'Sec-WebSocket-Protocol': 'a, , b' }],
    ['with an extension without a name', { 'Sec-WebSocket-Extensions': '; a=1' }],
    ['with an extension with half a parameter', { 'Sec-WebSocket-Extensions': 'a; b=' }],
    ['with an extension with an open quote', { 'Sec-WebSocket-Extensions': 'a; b="1' }],
    ['without a version', { 'Sec-WebSocket-Version': undefined }],
  ])('H1, E1: %s is refused', async (_what, headers) => {
    expect(await refusal(upgradeRequest(headers))).toBe('400 bad_request')
  })

  it.each(['8', '12', '13, 8', '014', '1e1'])(
    'H1: of version %s is told which one there is',
    async (version) => {
      const { status, head, body } = await scene
        .bytes()
        .write(upgradeRequest({ 'Sec-WebSocket-Version': version }))
        .reply()
      expect(status).toBe(400)
      expect(head).toMatch(/^Sec-WebSocket-Version: 13$/m)
      expect(JSON.parse(body).error).toMatchObject({
        code: 'bad_request',
        message: expect.stringContaining('13'),
      })
    },
  )

  it('H1: by another method is refused', async () => {
    const { status, head, body } = await scene
      .bytes()
      .write(upgradeRequest({}, 'POST /lockstep HTTP/1.1'))
      .reply()
    expect([status, JSON.parse(body).error.code]).toEqual([405, 'method_not_allowed'])
    expect(head).toMatch(/^Allow: GET$/m)
  })

  it.each<[string, Record<string, string>]>([
    ['a foreign page', { Origin: 'https://evil.example', Cookie: 'user=alice' }],
    ['a foreign page without a cookie', { Origin: 'https://evil.example' }],
    ['a page without an origin of its own', { Origin: 'null', Cookie: 'user=alice' }],
    [
      'a host that only begins like ours',
      { Origin: 'https://app.example.evil.example', Cookie: 'user=alice' },
    ],
    ['a browser that does not say which page', { Cookie: 'user=alice' }],
    ['two pages at once', { Origin: 'https://app.example, https://app.example' }],
  ])('S4: from %s is refused', async (_who, headers) => {
    expect(await refusal(upgradeRequest(headers))).toBe('403 bad_origin')
  })

  it.each(['/lockstep/..%2f', '/lockstep/', '/lockstep/__proto__', '/lockstep/session', '/other'])(
    'E1: at %s finds nothing',
    async (path) => {
      expect(await refusal(upgradeRequest({}, `GET ${path} HTTP/1.1`))).toBe('404 not_found')
    },
  )

  it('takes extensions and subprotocols that it does not know, and names none', async () => {
    const head = await scene
      .bytes()
      .write(
        upgradeRequest({
          Origin: 'https://app.example',
          Cookie: 'user=alice',
          'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits="1,5", x-other;a ; b = c',
        }),
      )
      .head()
    expect(head).toMatch(/^HTTP\/1.1 101 /)
    expect(head).not.toMatch(/Sec-WebSocket-Extensions/)
  })

  it('reads what comes in one packet with it', async () => {
    const { token } = scene.server.issueSession({ id: 'alice' })
    const socket = scene.bytes()
    const hello = frame(1, JSON.stringify({ type: 'hello', version: 1, token }))
    socket.write(Buffer.concat([Buffer.from(upgradeRequest()), hello]))
    await socket.next('welcome')
  })

  it('is refused to a peer that is gone already', async () => {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
    const { port } = server.address() as AddressInfo // a server on a port has an address of this kind
    const peer = new RawSocket(port)
    const socket = await accepted
    peer.reset()
    await eventually(() => expect(peer.closed).toBe(true))
    refuseUpgrade(socket, { error: new LockstepError('not_found') })
    await eventually(() => expect(socket.destroyed).toBe(true))
    server.close()
  })
})

describe('a head', () => {
  const blanks = ' '.repeat(15_000)

  it.each<[string, Record<string, string>, RegExp]>([
    ['extensions', { 'Sec-WebSocket-Extensions': `a${blanks}b` }, / 400 /],
    ['parameters', { 'Sec-WebSocket-Extensions': `${'a;b'.repeat(4_000)}${' '.repeat(1_000)}=` }, / 400 /],
    ['quotes', { 'Sec-WebSocket-Extensions': `a;b="${'\\"'.repeat(7_000)}` }, / 400 /],
    ['subprotocols', { 'Sec-WebSocket-Protocol': `a${blanks}b` }, / 400 /],
    ['origins', { Origin: `https://${'a.'.repeat(7_000)}` }, / 403 /],
    ['more than 16 kB', { 'Sec-WebSocket-Protocol': `a,${blanks}${blanks}b` }, / 431 /],
    ['32 kB of blanks before a value', { 'X-Blank': `${' '.repeat(32_768)}x` }, / 400 /],
    ['32 kB of blanks after a value', { 'X-Blank': `x${' '.repeat(32_768)}x` }, / 431 /],
    ['a megabyte of blanks and tabs', { Origin: `${' \t'.repeat(524_288)}https://app.example` }, / 400 /],
    ['one of 64 kB', { 'X-Long': 'x'.repeat(65_536) }, / 431 /],
    [
      '2,000 headers',
      Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`X-Header-${i}`, 'x'])),
      / 431 /,
    ],
    [
      '1,500 short headers',
      Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`X-${i}`, ''])),
      / 400 /,
    ],
  ])('with a bomb of %s costs no time', async (_what, headers, status) => {
    const start = performance.now()
    expect((await scene.bytes().write(upgradeRequest(headers)).reply()).head).toMatch(status)
    // Generous: a parser whose time grows with the square takes many times as long.
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  it('H1: after a request with a long body on the same connection is one like any other', async () => {
    const socket = connect(scene.port, '127.0.0.1')
    let text = ''
    socket.on('data', (data) => (text += data.toString('latin1')))
    const body = ' '.repeat(40_000)
    socket.write(`POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    await eventually(() => expect(text).toMatch(/ 404 /))
    socket.write(upgradeRequest())
    await eventually(() => expect(text).toMatch(/HTTP\/1.1 101 /))
    socket.destroy()
  })

  it('with both a length and chunks is refused', async () => {
    const { status } = await scene
      .bytes()
      .write(
        'POST /lockstep/session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      )
      .reply()
    expect(status).toBe(400)
  })
})
