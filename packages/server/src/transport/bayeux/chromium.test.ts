import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually, launchChromium, withoutBrowser } from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Scene, startScene } from './scene.setup.ts'

/** Carrier to those that are disabled for it, and whether the page comes from elsewhere. */
const carriers: readonly (readonly [string, readonly string[], boolean])[] = [
  ['websocket', [], false],
  ['eventsource', ['websocket'], false],
  ['long-polling', ['websocket', 'eventsource'], false],
  ['cross-origin-long-polling', ['websocket', 'eventsource'], true],
  ['callback-polling', ['websocket', 'eventsource', 'long-polling'], false],
]

let scene: Scene
let pages: Server
let elsewhere: string
let browser: Browser
let key = 1

/** A page as an application of Faye's has it, with the extension of docs/protocol.md Y6. */
function html(url: string, token: string, disabled: readonly string[]): string {
  return `<!doctype html><title>-</title><script src="${url}/client.js"></script><script>
    const got = [], said = []
    const positions = {}
    let everywhere
    const client = new Faye.Client('${url}', { retry: 0.2 })
    for (const carrier of ${JSON.stringify(disabled)}) client.disable(carrier)
    client.addExtension({
      incoming(message, callback) {
        const position = message.ext?.lockstep?.position
        if (position && message.channel === '/meta/connect') everywhere = position
        else if (position) positions[message.channel] = position
        callback(message)
      },
      outgoing(message, callback) {
        if (message.channel === '/meta/handshake') message.ext = { lockstep: { token: '${token}', resume: true } }
        const position = positions[message.subscription] ?? everywhere
        if (message.channel === '/meta/subscribe' && position) {
          message.ext = { lockstep: { positions: { [message.subscription]: position } } }
        }
        callback(message)
      },
    })
  </script>`
}

async function insert(): Promise<number> {
  const id = key++
  await scene.sql`INSERT INTO todos VALUES (${id}, 'x')`
  return id
}

/** Keys of what was created, as the page got them. */
const createdOn = (page: Page): Promise<string[]> =>
  page.evaluate<string[]>('got.flatMap((data) => Object.keys(data.create ?? {}))')
const subscribe = (page: Page): Promise<unknown> =>
  page.evaluate(`client.subscribe('/sync/todos', (data) => got.push(data)).then(() => true)`)

describe.skipIf(withoutBrowser())('the Faye client in Chromium', () => {
  beforeAll(async () => {
    const page = (address: string): string => {
      const [, disabled = ''] = address.split('?')
      return html(scene.url, scene.token(), disabled.split(','))
    }
    pages = createServer((incoming, outgoing) => {
      outgoing.setHeader('content-type', 'text/html').end(page(incoming.url ?? ''))
    })
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    elsewhere = `http://127.0.0.1:${(pages.address() as AddressInfo).port}` // it listens on a port
    const open = { '/chat/**': { subscribe: true, publish: true } }
    scene = await startScene({ timeoutMs: 2_000, jsonp: true, open }, {}, { origins: [elsewhere], page })
    browser = await launchChromium()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await scene?.close()
    pages?.closeAllConnections()
    pages?.close()
  })

  describe.each(carriers)('over %s', (carrier, disabled, foreign) => {
    let page: Page

    beforeAll(async () => {
      page = await browser.newPage()
      await page.goto(`${foreign ? elsewhere : scene.origin}/?${disabled.join()}`)
    })
    afterAll(() => page?.close())

    it('Y9: is carried by it, and gets what is committed in the shape of the chapter', async () => {
      await subscribe(page)
      // Faye begins with long-polling, and goes over to another carrier once that has opened.
      await eventually(async () =>
        expect(await page.evaluate('client._dispatcher.connectionType')).toBe(carrier),
      )
      const id = await insert()
      await scene.sql`UPDATE todos SET title = 'Kale \u2028 😀' WHERE id = ${id}`
      await scene.sql`DELETE FROM todos WHERE id = ${id}`
      await eventually(async () => expect(await page.evaluate('got.length')).toBe(3))
      expect(await page.evaluate('got')).toEqual([
        { create: { [id]: { id, title: 'x' } } },
        { update: { [id]: { title: 'Kale \u2028 😀' } } },
        { destroy: { [id]: {} } },
      ])
    })

    it('Y7: publishes on an opened channel, also to itself, and is refused elsewhere', async () => {
      await page.evaluate(`client.subscribe('/chat/*', (data) => said.push(data)).then(() => true)`)
      await page.evaluate(`client.publish('/chat/a', { text: 'hi' }).then(() => true)`)
      await eventually(async () => expect(await page.evaluate('said')).toEqual([{ text: 'hi' }]))
      const refused = `client.publish('/sync/todos', {}).then(() => 0, (error) => error.code)`
      expect(await page.evaluate(refused)).toBe(403)
    })

    it('Y6: cut again and again, it loses nothing and doubles nothing', async () => {
      await page.evaluate('got.length = 0')
      const ids: number[] = []
      for (let i = 0; i < 6; i++) {
        ids.push(await insert())
        if (i % 2 === 1) scene.cut()
      }
      await eventually(async () => expect(await createdOn(page)).toEqual(ids.map(String)), {
        timeoutMs: 30_000,
      })
    }, 60_000)

    it('Y6: a restart of the server loses nothing and doubles nothing', async () => {
      await page.evaluate('got.length = 0')
      const ids = [await insert()]
      const restarted = scene.restart()
      ids.push(await insert())
      await restarted
      ids.push(await insert())
      await eventually(async () => expect(await createdOn(page)).toEqual(ids.map(String)), {
        timeoutMs: 30_000,
      })
    }, 60_000)

    it('Y5: cancels, and leaves the others alone', async () => {
      await page.evaluate(`said.length = 0; got.length = 0; client.unsubscribe('/chat/*')`)
      await page.evaluate(`client.subscribe('/chat/kept', (data) => said.push(data)).then(() => true)`)
      await page.evaluate(
        `client.publish('/chat/a', 1).then(() => client.publish('/chat/kept', 2)).then(() => 1)`,
      )
      await eventually(async () => expect(await page.evaluate('said')).toEqual([2]))
      const id = await insert()
      await eventually(async () => expect(await createdOn(page)).toEqual([String(id)]))
    })
  })
})
