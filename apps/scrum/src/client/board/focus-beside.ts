/**
 * Gives the focus to the next line of a list, or the one before, or to where a new one is written: what is deleted
 * would take the focus along, and who works by keyboard would begin at the top of the page.
 */
export function focusBeside(within: Element): void {
  const line = within.closest('li')
  const beside = line?.nextElementSibling ?? line?.previousElementSibling
  const target =
    beside?.querySelector<HTMLElement>('[data-handle], button') ??
    line?.closest('section, .tasks')?.querySelector<HTMLElement>('form input')
  target?.focus()
}
