import {
  createContext,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import { useAnnounce } from './announcer.tsx'
import { CloseIcon } from './icons.tsx'

export interface Toast {
  readonly id: number
  readonly kind: 'notice' | 'done' | 'problem'
  readonly text: string
  readonly action?: { readonly label: string; run(): void }
}

/** How long each kind stays, in ms; while it is pointed at or focused it stays. */
const lifeMs: Readonly<Record<Toast['kind'], number>> = { notice: 5000, done: 10_000, problem: 15_000 }

/** Toasts on show at once; an older one makes room. */
const shownMax = 3

/** Short messages at the edge of the page; each is also said to those who do not see it. */
export class Toasts {
  #shown: readonly Toast[] = []
  readonly #listeners = new Set<() => void>()
  readonly #announce: (text: string) => void
  #lastId = 0

  constructor(announce: (text: string) => void) {
    this.#announce = announce
  }

  get shown(): readonly Toast[] {
    return this.#shown
  }

  add(toast: Omit<Toast, 'id'>): void {
    const added = { ...toast, id: ++this.#lastId }
    this.#announce(
      toast.action === undefined ? toast.text : `${toast.text}. ${toast.action.label} is offered.`,
    )
    // Of what others do only the newest is news; what offers an answer stays as long as there is room.
    const kept = this.#shown.filter(({ kind }) => kind !== 'notice' || toast.kind !== 'notice')
    this.#show([...kept.slice(-(shownMax - 1)), added])
  }

  remove(id: number): void {
    this.#show(this.#shown.filter((toast) => toast.id !== id))
  }

  subscribe = (tell: () => void): (() => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }

  #show(toasts: readonly Toast[]): void {
    this.#shown = toasts
    for (const tell of this.#listeners) tell()
  }
}

const ToastContext = createContext<Toasts | undefined>(undefined)

export function ToastProvider({ children }: { children: ReactNode }): ReactElement {
  const announce = useAnnounce()
  const [toasts] = useState(() => new Toasts(announce))
  return (
    <ToastContext value={toasts}>
      {children}
      <ToastList toasts={toasts} />
    </ToastContext>
  )
}

export function useToasts(): Toasts {
  const toasts = useContext(ToastContext)
  if (toasts === undefined) throw new Error('ToastProvider is missing')
  return toasts
}

function ToastList({ toasts }: { toasts: Toasts }): ReactElement {
  const shown = useSyncExternalStore(
    toasts.subscribe,
    () => toasts.shown,
    () => none,
  )
  return (
    <section className="toasts" aria-label="Messages">
      {shown.map((toast) => (
        <ToastCard key={toast.id} toast={toast} end={() => toasts.remove(toast.id)} />
      ))}
    </section>
  )
}

const none: readonly Toast[] = []

function ToastCard({ toast, end }: { toast: Toast; end: () => void }): ReactElement {
  const [held, setHeld] = useState(false)
  const endNow = useRef(end)
  endNow.current = end
  useEffect(() => {
    if (held) return
    const timer = setTimeout(() => endNow.current(), lifeMs[toast.kind])
    return () => clearTimeout(timer)
  }, [held, toast.kind])
  const { action } = toast
  return (
    // Pointing holds the message; there is nothing to operate on the card itself.
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    <div
      className={`toast toast-${toast.kind}`}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p>{toast.text}</p>
      {action !== undefined && (
        <button
          type="button"
          className="toast-action"
          onClick={() => {
            end()
            action.run()
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" className="icon-button" aria-label="Dismiss this message" onClick={end}>
        <CloseIcon />
      </button>
    </div>
  )
}
