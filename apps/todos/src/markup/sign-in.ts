import { type Html, html } from './html.ts'
import { logo } from './icons.ts'

export interface SignInForm {
  readonly email: string
  /** Where to go then. */
  readonly next: string
  readonly problem?: string
}

export function signInMarkup({ email, next, problem }: SignInForm): Html {
  return html`<main class="door">
<div class="door-card">
${logo}
<h1>Sign in to your lists</h1>
<p class="door-lead">What one of you checks off is checked off for everybody.</p>
<form method="post" action="/sign-in">
${problem !== undefined && html`<p class="door-problem" role="alert">${problem}</p>`}
<input type="hidden" name="next" value="${next}">
<label for="email">E-mail</label>
<input class="field" id="email" name="email" type="email" autocomplete="username" required autofocus value="${email}">
<label for="password">Password</label>
<input class="field" id="password" name="password" type="password" autocomplete="current-password" required>
<button class="button" type="submit">Sign in</button>
</form>
</div>
</main>`
}
