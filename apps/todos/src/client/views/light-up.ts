/** Lights an element up for a moment: something about it has just changed. */
export function lightUp(element: HTMLElement): void {
  element.classList.remove('lit')
  // Asking for its place makes the browser notice that the class was gone, so that it begins anew.
  void element.offsetWidth
  element.classList.add('lit')
}

/** Whether a change came from somebody else, in either variant. */
export function isRemote(options: unknown): boolean {
  return Object(options).origin === 'remote'
}
