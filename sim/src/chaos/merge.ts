import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Begin, Commit, HistoryEvent } from '../history/history.ts'

/** The history of a file, event by event. A last line that is cut off is left out. */
export async function* readHistory(file: string): AsyncGenerator<HistoryEvent> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  let held: string | undefined
  for await (const line of lines) {
    if (held !== undefined) yield parse(held)
    held = line
  }
  if (held === undefined) return
  try {
    yield parse(held)
  } catch {
    // The process was killed while it wrote.
  }
}

function parse(line: string): HistoryEvent {
  return JSON.parse(line) as HistoryEvent // written by a Recorder
}

interface Head {
  readonly events: AsyncGenerator<HistoryEvent>
  next: HistoryEvent
}

/** What all processes saw, in the order of time. What one of them saw at one moment stays together. */
async function* mergeByTime(files: readonly string[]): AsyncGenerator<HistoryEvent> {
  const heads: Head[] = []
  for (const file of files) {
    const events = readHistory(file)
    const first = await events.next()
    if (!first.done) heads.push({ events, next: first.value })
  }
  let last: Head | undefined
  for (;;) {
    let earliest: Head | undefined
    for (const head of heads) {
      if (earliest === undefined || head.next.at < earliest.next.at) earliest = head
      else if (head === last && head.next.at === earliest.next.at) earliest = head
    }
    if (earliest === undefined) return
    yield earliest.next
    last = earliest
    const following = await earliest.events.next()
    if (following.done) heads.splice(heads.indexOf(earliest), 1)
    else earliest.next = following.value
  }
}

const batchChars = 1_000_000

/** Writes one history of what was known before, what was committed, and what all processes saw. */
export async function writeHistory(
  file: string,
  begin: Begin,
  commits: readonly Commit[],
  files: readonly string[],
): Promise<void> {
  const handle = await open(file, 'w')
  let text = ''
  const put = async (event: HistoryEvent): Promise<void> => {
    text += `${JSON.stringify(event)}\n`
    if (text.length < batchChars) return
    await handle.write(text)
    text = ''
  }
  await put(begin)
  for (const commit of commits) await put(commit)
  for await (const event of mergeByTime(files)) await put(event)
  await handle.write(text)
  await handle.close()
}
