import type { launchChromium } from '@lockstep/testing'

type Browser = Awaited<ReturnType<typeof launchChromium>>
type Page = Awaited<ReturnType<Browser['newPage']>>
type Devtools = Awaited<ReturnType<ReturnType<Page['context']>['newCDPSession']>>

/** What one stretch of frames was like. */
export interface Frames {
  /** From each frame to the next, in ms. */
  readonly times: readonly number[]
  /** What the page's thread worked, in ms of the processor: script, style, layout, painting. */
  readonly busyMs: number
  readonly scriptMs: number
}

const framesPerSecond = 60
/** As fast as a hand turns a wheel, in px each frame. */
const scrollStep = 60

/** The backlog of the Scrum board in a real browser. */
export class BoardPage {
  readonly #page: Page
  readonly #devtools: Devtools

  private constructor(page: Page, devtools: Devtools) {
    this.#page = page
    this.#devtools = devtools
  }

  static async open(browser: Browser, address: string): Promise<BoardPage> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    await page.goto(`${address}/sign-in`)
    await page.getByLabel(/e-?mail/i).fill('alice@example.com')
    await page.getByLabel(/password/i).fill('password')
    await page.getByRole('button', { name: /sign in/i }).click()
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
    await page.goto(`${address}/projects/1`)
    await page.getByText('Live', { exact: true }).first().waitFor()
    await page.evaluate('scrollTo(0, document.body.scrollHeight / 3)')
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
    return new BoardPage(page, devtools)
  }

  async frames(kind: 'still' | 'scrolled' | 'dragged', seconds: number): Promise<Frames> {
    const count = seconds * framesPerSecond
    const drop = kind === 'dragged' ? await this.#drag() : undefined
    const before = await this.#worked()
    const moving = drop?.move(seconds)
    const times = await this.#page.evaluate<number[]>(`(async () => {
      const times = []
      let last = await new Promise(requestAnimationFrame)
      for (let i = 0; i < ${count}; i++) {
        ${kind === 'scrolled' ? `scrollBy(0, ${scrollStep})` : ''}
        const now = await new Promise(requestAnimationFrame)
        times.push(now - last)
        last = now
      }
      return times
    })()`)
    await moving
    const after = await this.#worked()
    await drop?.end()
    return { times, busyMs: after.busyMs - before.busyMs, scriptMs: after.scriptMs - before.scriptMs }
  }

  async #worked(): Promise<{ readonly busyMs: number; readonly scriptMs: number }> {
    const { metrics } = await this.#devtools.send('Performance.getMetrics')
    const ms = (of: string): number => (metrics.find(({ name }) => name === of)?.value ?? 0) * 1000
    return { busyMs: ms('TaskDuration'), scriptMs: ms('ScriptDuration') }
  }

  /** Takes a line in the middle of the window by its handle; `move` drags it up and down. */
  async #drag(): Promise<{ move(seconds: number): Promise<void>; end(): Promise<void> }> {
    const { mouse } = this.#page
    const handle = await this.#page.evaluate<{ x: number; y: number }>(`(() => {
      const handles = [...document.querySelectorAll('article [data-handle]')]
      const boxes = handles.map((handle) => handle.getBoundingClientRect())
      const box = boxes.find(({ top }) => top > innerHeight / 2) ?? boxes[0]
      return { x: box.left + box.width / 2, y: box.top + box.height / 2 }
    })()`)
    await mouse.move(handle.x, handle.y)
    await mouse.down()
    await mouse.move(handle.x + 40, handle.y + 30, { steps: 3 })
    return {
      async move(seconds) {
        const from = performance.now()
        for (let turn = 0; performance.now() - from < seconds * 1000; turn++) {
          await mouse.move(handle.x + 100, handle.y + 200 * Math.sin(turn / 10))
        }
      },
      // Where it was taken, so that nothing is moved.
      async end() {
        await mouse.move(handle.x, handle.y)
        await mouse.up()
      },
    }
  }
}
