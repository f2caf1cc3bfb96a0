import { useCallback, useSyncExternalStore } from 'react'

/** Values by key, each with its own listeners: what one row shows does not render another. */
export class Keyed<V> {
  readonly #values = new Map<string, V>()
  readonly #listeners = new Map<string, Set<() => void>>()

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  keys(): string[] {
    return [...this.#values.keys()]
  }

  set(key: string, value: V | undefined): void {
    if (this.#values.get(key) === value) return
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
    for (const tell of [...(this.#listeners.get(key) ?? [])]) tell()
  }

  subscribe(key: string, tell: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(tell))
    return () => {
      listeners.delete(tell)
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key)
    }
  }
}

/** The value of a key; on a first render there is none, as on the server. */
export function useKeyed<V>(store: Keyed<V>, key: string): V | undefined {
  return useSyncExternalStore(
    useCallback((tell) => store.subscribe(key, tell), [store, key]),
    () => store.get(key),
    () => undefined,
  )
}
