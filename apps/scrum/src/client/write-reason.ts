import { WriteError } from '@lockstep/client'

/** Why a write was refused, as the end of a sentence for people. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof WriteError)) return 'something went wrong on this page.'
  if (error.code === 'offline') return 'the server could not be reached.'
  if (error.code === 'unauthorized') return 'you are signed out. Reload the page to sign in.'
  const [, field, fault] = /^(\w+): (.+)$/.exec(error.message) ?? []
  const name = fieldNames.get(field ?? '')
  return name === undefined ? error.message : `the ${name} ${fault}.`
}

/** What people call the fields that the server names in its errors. */
const fieldNames: ReadonlyMap<string, string> = new Map([
  ['user_story', 'user story'],
  ['description', 'description'],
  ['estimate', 'estimate'],
  ['position', 'place'],
  ['summary', 'task'],
  ['name', 'name'],
])
