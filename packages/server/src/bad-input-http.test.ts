import { eventually } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { givesBackMemory, heapMb, type Scene, startScene } from './bad-input.setup.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(async () => {
  await scene?.forgetsAll()
  await scene?.close()
})
afterEach(() => scene.neighbour.seesTheNextChange())

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** Sends a request byte for byte, and gives status and error code of the reply. */
async function ask(line: string, { headers = {}, body = '' }: Asked = {}): Promise<string> {
  const all = {
    Host: 'app.example',
    Connection: 'close',
    ...(body.length === 0 ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  const socket = scene.bytes().write(`${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`, body)
  const { status, head, body: text } = await socket.reply()
  expect(head).toMatch(/^content-type: application\/json$/im)
  const { error } = JSON.parse(text)
  return `${status} ${error?.code}`
}

const alice = { Cookie: 'user=alice', Origin: 'http://app.example' }
const json = { ...alice, 'Content-Type': 'application/json' }

describe('a request', () => {
  it.each([
    ['GET /lockstep', '426 upgrade_required'],
    ['POST /lockstep', '405 method_not_allowed'],
    ['DELETE /lockstep/session', '405 method_not_allowed'],
    ['GET /lockstep/session', '405 method_not_allowed'],
    ['PUT /lockstep/health', '405 method_not_allowed'],
    ['GET /lockstep/..%2f', '404 not_found'],
    ['GET /lockstep/__proto__', '404 not_found'],
    ['GET /lockstep/constructor', '404 not_found'],
    ['GET /lockstep/session/__proto__', '404 not_found'],
    ['GET /lockstep/%00', '404 not_found'],
    ['GET /lockstep/%zz', '404 not_found'],
    ['TRACE /lockstep', '400 bad_request'],
  ])('H1, E1: %s is answered with %s', async (line, expected) => {
    expect(await ask(line)).toBe(expected)
  })

  it.each(['a/b', 'a@b', 'a b', '[', '<script>', 'a:99999'])(
    'E1: for a host "%s" is refused',
    async (Host) => {
      expect(await ask('GET /lockstep/health', { headers: { Host } })).toBe('400 bad_request')
    },
  )

  it.each([
    'GET  /lockstep HTTP/1.1',
    'GET /lockstep HTTP/9.9',
    'G\u00cbT /lockstep HTTP/1.1',
    '\0',
    'GET /lockstep HTTP/1.1\r\nHost',
  ])('that is none is refused: %j', async (line) => {
    const { status } = await scene.bytes().write(`${line}\r\n\r\n`).reply()
    expect([400, 505]).toContain(status)
  })

  it.each<[string, string]>([
    ['twice a length', 'Content-Length: 2\r\nContent-Length: 3'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked'],
    ['a length below zero', 'Content-Length: -1'],
    ['a length that is none', 'Content-Length: 0x2'],
    ['a line that begins with a blank', 'X: 1\r\n Content-Length: 2'],
    ['a name with a blank', 'Content-Length : 2'],
  ])('with %s is refused', async (_what, headers) => {
    const { status } = await scene
      .bytes()
      .write(`POST /lockstep/session HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n{}`)
      .reply()
    expect(status).toBe(400)
  })
})

describe('a request for a session', () => {
  it.each<[string, Asked, string]>([
    ['from a foreign page', { headers: { ...json, Origin: 'https://evil.example' } }, '403 bad_origin'],
    ['from a page without origin', { headers: { ...json, Origin: 'null' } }, '403 bad_origin'],
    [
      'from a host like ours',
      { headers: { ...json, Origin: 'http://app.example.evil.example' } },
      '403 bad_origin',
    ],
    [
      'with a cookie alone',
      { headers: { Cookie: 'user=alice', 'Content-Type': 'application/json' } },
      '403 bad_origin',
    ],
    [
      'as a form',
      { headers: { ...alice, 'Content-Type': 'text/plain' }, body: '{}' },
      '415 unsupported_media',
    ],
    ['as nothing', { headers: alice, body: '{}' }, '415 unsupported_media'],
    ['of nobody', { headers: { 'Content-Type': 'application/json' }, body: '{}' }, '401 unauthorized'],
    ['that is half of JSON', { headers: json, body: '{"channels":' }, '400 bad_request'],
    ['that is not UTF-8', { headers: json, body: Buffer.from([0x22, 0xc0, 0xaf]) }, '400 bad_request'],
    ['that is 60,000 brackets', { headers: json, body: '['.repeat(60_000) }, '400 bad_request'],
    ['for no channel', { headers: json, body: '{"channels":["project/\\ud800"]}' }, '400 bad_channel'],
    [
      'for channels of 10 kB',
      { headers: json, body: JSON.stringify({ channels: ['x'.repeat(10_000)] }) },
      '400 bad_channel',
    ],
    [
      'for 10,000 channels',
      { headers: json, body: JSON.stringify({ channels: Array(10_000).fill('a') }) },
      '413 too_many',
    ],
    [
      'for more than a token holds',
      { headers: json, body: JSON.stringify({ channels: Array(1_000).fill('project/1') }) },
      '413 too_large',
    ],
  ])('H3, S4: %s is refused', async (_what, asked, expected) => {
    expect(await ask('POST /lockstep/session', asked)).toBe(expected)
  })

  it('H3, G12: of 10 MB is refused, announced or not', async () => {
    await givesBackMemory(async () => {
      const body = Buffer.alloc(10_485_761, 0x20)
      expect(await ask('POST /lockstep/session', { headers: json, body })).toBe('413 too_large')
      const chunked = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body])
      const headers = { ...json, 'Transfer-Encoding': 'chunked', 'Content-Length': '' }
      const lines = Object.entries({ Host: 'app.example', ...headers }).filter(([, value]) => value !== '')
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
      const socket = scene.bytes().write(`POST /lockstep/session HTTP/1.1\r\n${head}\r\n`, chunked)
      expect((await socket.reply()).status).toBe(413)
    })
  })
})

describe('a request for a snapshot', () => {
  it.each([
    '__proto__',
    'constructor',
    'nothing',
    'project/%41',
    'project//1',
    'project/1/',
    '..%2f',
    '%00',
    'x'.repeat(10_000),
  ])('H2, G9: of "%s" is answered as of a channel that is not there', async (channel) => {
    expect(await ask(`GET /lockstep/snapshot/${channel}`, { headers: alice })).toBe('404 no_channel')
  })

  it('H2: that names a million tags is answered or refused at once', async () => {
    const start = performance.now()
    const tags = Array.from({ length: 3_000 }, () => '"a"').join(',')
    for (const tag of [tags, '"'.repeat(12_000), `W/${'"'.repeat(12_000)}`, ` ${','.repeat(12_000)}`]) {
      expect(
        await ask('GET /lockstep/snapshot/project/1', { headers: { ...alice, 'If-None-Match': tag } }),
      ).toBe('200 undefined')
    }
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  it('G12: comes a hundred times on one connection that is not read, and is held once', async () => {
    await scene.sql`
      INSERT INTO items (id, title, project_id) SELECT n, repeat('x', 10000), 2 FROM generate_series(1, 100) AS n`
    await scene.server.barrier()
    await givesBackMemory(async () => {
      const before = heapMb()
      const socket = scene.bytes()
      socket.stopReading()
      socket.write(
        'GET /lockstep/snapshot/project/2 HTTP/1.1\r\nHost: a\r\nCookie: user=alice\r\n\r\n'.repeat(100),
      )
      await eventually(() => expect(scene.waitingBytes()).toBeGreaterThan(0))
      for (let i = 0; i < 10; i++) await scene.neighbour.seesTheNextChange()
      // One reply has a megabyte.
      expect(heapMb() - before).toBeLessThan(20)
      socket.end()
    })
  })

  it('comes with others on one connection, and each is answered in its turn', async () => {
    const line = (path: string): string =>
      `GET /lockstep/${path} HTTP/1.1\r\nHost: a\r\nCookie: user=alice\r\n`
    const paths = ['snapshot/project/1', 'nothing', 'health', 'snapshot/project/3', 'session', 'health']
    const requests = paths.map((path) => `${line(path)}\r\n`).join('')
    const { head, body } = await scene
      .bytes()
      .write(`${requests}${line('health')}Connection: close\r\n\r\n`)
      .reply()
    const statuses = [...`${head}${body}`.matchAll(/HTTP\/1\.1 (\d+) /g)].map((match) => match[1])
    expect(statuses).toEqual(['200', '404', '200', '200', '405', '200', '200'])
  })
})
