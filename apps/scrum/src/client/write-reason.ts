import { WriteError } from '@lockstep/client'

/** Why a write was refused, as the end of a sentence for people. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof WriteError)) return 'something went wrong on this page.'
  if (error.code === 'offline') return 'the server could not be reached.'
  if (error.code === 'unauthorized') return 'you are signed out. Reload the page to sign in.'
  return error.message
}
