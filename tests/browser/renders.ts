import type { BrowserContext, Page } from 'playwright-core'

/** As much of React's own records as tells which components it rendered. React's developer tools read the same. */
interface Fiber {
  readonly tag: number
  readonly flags: number
  readonly alternate: Fiber | null
  readonly child: Fiber | null
  readonly sibling: Fiber | null
}

declare global {
  interface Window {
    rendered: number
  }
}

/** Counts, in pages that are opened from now on, how many components React renders. */
export async function countRenders(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    window.rendered = 0
    /** Function components, and those within `memo`. */
    const components = new Set([0, 14, 15])
    const performedWork = 1
    const walk = (now: Fiber, before: Fiber | null): void => {
      if (components.has(now.tag) && (before === null || (now.flags & performedWork) !== 0)) window.rendered++
      // The same children: nothing below was rendered.
      if (before !== null && now.child === before.child) return
      for (let child = now.child; child !== null; child = child.sibling) {
        let known = before?.child ?? null
        while (known !== null && known !== child && known !== child.alternate) known = known.sibling
        if (known !== child) walk(child, known)
      }
    }
    Object.assign(window, {
      __REACT_DEVTOOLS_GLOBAL_HOOK__: {
        supportsFiber: true,
        renderers: new Map(),
        inject: () => 1,
        onCommitFiberRoot: (_: number, { current }: { current: Fiber }) => walk(current, current.alternate),
        onCommitFiberUnmount() {},
      },
    })
  })
}

/** Renders since the last call. */
export function takeRenders(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { rendered } = window
    window.rendered = 0
    return rendered
  })
}
