import { clientMutants } from './client-mutants.ts'
import type { Mutant } from './mutant.ts'
import { serverMutants } from './server-mutants.ts'

/** Every planted fault. */
export const mutants: readonly Mutant[] = [...serverMutants, ...clientMutants]
