import { createContext, type ReactElement, type ReactNode, useCallback, useContext, useState } from 'react'

const AnnounceContext = createContext<(text: string) => void>(() => {})

/** Says what cannot be seen by everyone: where an item went, what became of it. */
export function Announcer({ children }: { children: ReactNode }): ReactElement {
  const [said, setSaid] = useState({ text: '', count: 0 })
  const say = useCallback((text: string) => setSaid(({ count }) => ({ text, count: count + 1 })), [])
  return (
    <AnnounceContext value={say}>
      {children}
      <p className="unseen" role="status" aria-label="Announcements">
        {/* A no-break space makes the same words new words. */}
        {said.count % 2 === 0 ? said.text : `${said.text}\u00a0`}
      </p>
    </AnnounceContext>
  )
}

export function useAnnounce(): (text: string) => void {
  return useContext(AnnounceContext)
}
