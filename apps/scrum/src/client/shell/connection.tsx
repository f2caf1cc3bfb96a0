import type { Status } from '@lockstep/client'
import { useClient, useStatus } from '@lockstep/client/react'
import { type ReactElement, useEffect, useState } from 'react'

const words: Readonly<Record<Status['state'], string>> = {
  connecting: 'Connecting',
  'catching-up': 'Catching up',
  live: 'Live',
  offline: 'Offline',
  refused: 'Stopped',
  closed: 'Stopped',
}

const explanations: Readonly<Record<Status['state'], string>> = {
  connecting: 'The page is being connected to the server.',
  'catching-up': 'Connected; what was missed is on its way.',
  live: 'Everything on this page is up to date.',
  offline: 'The server cannot be reached. What you see is how it was before.',
  refused: 'The server ended this page’s connection.',
  closed: 'This page’s connection has ended.',
}

/** How up to date the page is, in a word. */
export function ConnectionPill(): ReactElement {
  const { state } = useStatus()
  return (
    <p className={`pill pill-${state}`} role="status" aria-label="Connection" title={explanations[state]}>
      <span className="pill-dot" aria-hidden="true" />
      <span className="pill-word">{words[state]}</span>
    </p>
  )
}

/** Stands above the page while it cannot be up to date. */
export function ConnectionBanner(): ReactElement | null {
  const client = useClient()
  const status = useStatus()
  if (status.state === 'offline') {
    return (
      <div className="banner banner-offline" role="alert">
        <p>
          <strong>You are offline.</strong> What you change now is kept on this page and sent when the server
          can be reached again. <Countdown until={status.retryAt} />
        </p>
        <button type="button" className="button plain small" onClick={() => client.connect()}>
          Try now
        </button>
      </div>
    )
  }
  if (status.state === 'refused') {
    return (
      <div className="banner banner-refused" role="alert">
        <p>
          <strong>This page is no longer live.</strong> {status.message}
        </p>
        <button type="button" className="button plain small" onClick={() => window.location.reload()}>
          Reload
        </button>
      </div>
    )
  }
  return null
}

/** Not part of what a screen reader is told: it would speak every second. */
function Countdown({ until }: { until: number }): ReactElement {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.ceil((until - now) / 1000)
  return (
    <span className="countdown" aria-hidden="true">
      {seconds > 0 ? `Next try in ${seconds} s.` : 'Trying …'}
    </span>
  )
}
