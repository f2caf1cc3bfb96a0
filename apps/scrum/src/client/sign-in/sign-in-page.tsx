import type { ReactElement } from 'react'
import type { Page } from '../../model/page.ts'
import { Logo } from '../shell/icons.tsx'
import { ThemeToggle } from '../shell/theme-toggle.tsx'

/** A plain form: it signs in before any script has run. */
export function SignInPage({ page }: { page: Extract<Page, { kind: 'sign-in' }> }): ReactElement {
  const { email, problem, next } = page
  return (
    <div className="sign-in">
      <div className="sign-in-theme">
        <ThemeToggle theme={page.theme} />
      </div>
      <main id="main" className="sign-in-card">
        <Logo />
        <h1>Sign in to Lockstep Scrum</h1>
        <p className="sign-in-lead">One backlog, the same on every screen.</p>
        <form method="post" action="/sign-in">
          <input type="hidden" name="next" value={next} />
          {problem !== undefined && (
            <p className="sign-in-problem" role="alert" id="problem">
              {problem}
            </p>
          )}
          <label htmlFor="email">E-mail address</label>
          <input
            className="field"
            id="email"
            name="email"
            type="email"
            autoComplete="username"
            defaultValue={email}
            required
            aria-describedby={problem === undefined ? undefined : 'problem'}
            // biome-ignore lint/a11y/noAutofocus: there is nothing else to do on this page
            autoFocus={problem === undefined}
          />
          <label htmlFor="password">Password</label>
          <input
            className="field"
            id="password"
            name="password"
            type="password"
            autoComplete="current-password"
            required
            // biome-ignore lint/a11y/noAutofocus: the same
            autoFocus={problem !== undefined}
          />
          <button type="submit" className="button">
            Sign in
          </button>
        </form>
      </main>
    </div>
  )
}
