import type { RoutedTransaction } from '../routing/routing.ts'
import { type Frame, joinFrame } from './frame.ts'

/** Text of the members of a transaction message that are the same in all channels, made once. */
export interface TransactionText {
  /** `"position":"e.1a"` */
  readonly position: string
  /** `"at":1700000000000,"changes":` */
  readonly at: string
  /** `,"session":"s","mutation":"m"` as far as they are known. */
  readonly writer: string
}

export function transactionText(epoch: string, transaction: RoutedTransaction): TransactionText {
  const { lsn, at, session, mutation } = transaction
  let writer = ''
  if (session !== undefined) writer += `,"session":${JSON.stringify(session)}`
  if (mutation !== undefined) writer += `,"mutation":${JSON.stringify(mutation)}`
  return {
    position: `"position":"${epoch}.${lsn.toString(16)}"`,
    at: `"at":${at},"changes":`,
    writer,
  }
}

const noChanges: readonly Buffer[] = [Buffer.from('{}')]

/** A transaction message (`TransactionMessage`), framed. Channel names need no escapes. */
export function frameMessage(
  text: TransactionText,
  fields: {
    epoch: string
    channel: string
    prev: number
    changes: readonly Buffer[] | undefined
    operations: string | undefined
  },
): Frame {
  const { epoch, channel, prev, changes, operations } = fields
  const told = operations === undefined ? '' : `,"operations":${operations}`
  return joinFrame(
    `{"type":"transaction","channel":"${channel}",${text.position},"prev":"${epoch}.${prev.toString(16)}",${text.at}`,
    changes ?? noChanges,
    `${told}${text.writer}}`,
  )
}
