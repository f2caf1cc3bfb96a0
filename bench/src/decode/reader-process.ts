import { answerCalls } from '../process/answer.ts'
import type { Usage } from '../process/cpu.ts'
import type { Backlog, Reader } from './backlog.ts'
import { readBacklog } from './readers.ts'

/** One reader in a process of its own, kept over the rounds. */
export type ReaderMethods = {
  read(what: { reader: Reader; backlog: Backlog }): Promise<Usage>
}

const methods: ReaderMethods = {
  read: ({ reader, backlog }) => readBacklog(reader, backlog),
}

answerCalls(methods)
