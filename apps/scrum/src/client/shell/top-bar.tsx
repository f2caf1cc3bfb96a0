import type { ReactElement, ReactNode } from 'react'
import type { Viewer } from '../../model/board.ts'
import type { Theme } from '../../model/page.ts'
import { Avatar } from './avatar.tsx'
import { Logo } from './icons.tsx'
import { ThemeToggle } from './theme-toggle.tsx'

/** What stands above every page: where one is, how the connection is, who one is. */
export function TopBar({
  theme,
  viewer,
  place,
  children,
}: {
  theme: Theme
  viewer?: Viewer
  /** Name of the project one is in. */
  place?: string
  children?: ReactNode
}): ReactElement {
  return (
    <header className="top-bar">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <a className="home" href="/" aria-label="Lockstep Scrum: all projects">
        <Logo />
        <span className="home-name">Lockstep Scrum</span>
      </a>
      {place !== undefined && (
        <p className="place">
          <span aria-hidden="true">/</span> {place}
        </p>
      )}
      <div className="top-bar-end">
        {children}
        <ThemeToggle theme={theme} />
        {viewer !== undefined && <Account viewer={viewer} />}
      </div>
    </header>
  )
}

/** Works without a script: an element that opens by itself, and a form. */
function Account({ viewer }: { viewer: Viewer }): ReactElement {
  return (
    <details className="account">
      <summary>
        <Avatar name={viewer.name} hue={viewer.hue} />
        <span className="unseen">Signed in as </span>
        <span className="account-name">{viewer.name}</span>
      </summary>
      <div className="account-panel">
        <p>
          <strong>{viewer.name}</strong>
          <br />
          {viewer.email}
        </p>
        <form method="post" action="/sign-out">
          <button type="submit" className="button plain small">
            Sign out
          </button>
        </form>
      </div>
    </details>
  )
}
