import { type RefObject, useEffect } from 'react'

/** Closes something that floats above the page when one clicks elsewhere, leaves it, or presses Escape. */
export function useFloating(
  open: boolean,
  around: RefObject<HTMLElement | null>,
  close: (returnFocus: boolean) => void,
): void {
  useEffect(() => {
    if (!open) return
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !around.current?.contains(event.target)) close(false)
    }
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      close(true)
    }
    document.addEventListener('pointerdown', outside)
    document.addEventListener('focusin', outside)
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('pointerdown', outside)
      document.removeEventListener('focusin', outside)
      document.removeEventListener('keydown', onKey)
    }
  }, [open, around, close])
}

/** Moves the focus among the buttons of a menu by the arrow keys. */
export function moveFocus(
  container: HTMLElement | null,
  event: { key: string; preventDefault(): void },
): void {
  const steps = {
    ArrowDown: 1,
    ArrowRight: 1,
    ArrowUp: -1,
    ArrowLeft: -1,
    Home: Number.NEGATIVE_INFINITY,
    End: Number.POSITIVE_INFINITY,
  }
  if (!(event.key in steps) || container === null) return
  event.preventDefault()
  // Only the keys of `steps` come here.
  const step = steps[event.key as keyof typeof steps]
  const buttons = [...container.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')]
  // Any element may be asked for; what is no button of the menu is at -1.
  const now = buttons.indexOf(document.activeElement as HTMLButtonElement)
  const next =
    Math.abs(step) === 1 ? (now + step + buttons.length) % buttons.length : step < 0 ? 0 : buttons.length - 1
  buttons[next]?.focus()
}
