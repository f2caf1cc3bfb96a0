import type { Changes } from '@lockstep/client'
import type { ResetReason } from '@lockstep/protocol'
import type { ProjectChannel } from '../lockstep.ts'

/** Why the page's rows were replaced instead of continued, as sentences. */
const sentences: Readonly<Record<ResetReason, string>> = {
  trimmed: 'You were away for longer than changes are kept, so this page was read anew.',
  epoch: 'The server began a new log, so this page was read anew.',
  future: 'The server’s database is older than this page was, so the page was read anew.',
  slow: 'Changes came faster than this page could follow, so it was read anew.',
  truncated: 'A table was emptied, so this page was read anew.',
  too_large: 'One change was too large to be sent, so this page was read anew.',
  audience: 'What you may see has changed, so this page was read anew.',
}

/** Tells the reason when the rows were replaced; once for all collections of one reset. */
export function watchResets({ items, tasks }: ProjectChannel, tell: (sentence: string) => void): () => void {
  let told = false
  const hear = ({ reset }: Changes): void => {
    if (reset === undefined || told) return
    told = true
    // The collections of one reset are told of in one go.
    queueMicrotask(() => {
      told = false
    })
    tell(sentences[reset])
  }
  const stops = [items.subscribe(hear), tasks.subscribe(hear)]
  return () => {
    for (const stop of stops) stop()
  }
}
