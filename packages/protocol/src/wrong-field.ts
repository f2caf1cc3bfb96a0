import { LockstepError } from './errors.ts'

export function wrong(field: string): LockstepError {
  return new LockstepError('bad_request', `Field "${field}" is missing or of the wrong type.`)
}
