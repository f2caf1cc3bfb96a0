import type { RoutedTransaction } from '../routing/routing.ts'

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

/** A transaction message (`TransactionMessage`) as JSON text. Channel names need no escapes. */
export function messageText(
  text: TransactionText,
  fields: { epoch: string; channel: string; prev: number; changes: string; operations: string | undefined },
): string {
  const { epoch, channel, prev, changes, operations } = fields
  const tail = operations === undefined ? '' : `,"operations":${operations}`
  return `{"type":"transaction","channel":"${channel}",${text.position},"prev":"${epoch}.${prev.toString(16)}",${text.at}${changes}${tail}${text.writer}}`
}
