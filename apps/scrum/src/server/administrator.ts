/**
 * The e-mail address whose sign-in opens the inspector: what `SCRUM_ADMIN` says, `off` for nobody; without it
 * Alice, or in production nobody.
 */
export function administratorOf(env: NodeJS.ProcessEnv): string | undefined {
  const { SCRUM_ADMIN, NODE_ENV } = env
  if (SCRUM_ADMIN !== undefined && SCRUM_ADMIN !== '') return SCRUM_ADMIN === 'off' ? undefined : SCRUM_ADMIN
  return NODE_ENV === 'production' ? undefined : 'alice@example.com'
}
