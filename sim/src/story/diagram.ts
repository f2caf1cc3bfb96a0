/** A line of a story: an arrow between two participants, or a note at one. */
export interface Row {
  readonly at: number
  readonly from: string
  /** Where an arrow leads to; none: a note. */
  readonly to?: string
  readonly text: string
  /** Faults and what was broken stand out, and stay where a story is cut. */
  readonly strong?: boolean
}

const timeWidth = 9

/** Draws participants as columns and rows below each other, as text of at most `width` columns. */
export function diagram(participants: readonly string[], rows: readonly Row[], width: number): string {
  const lanes = new Lanes(participants, width)
  const lines = [lanes.head(), lanes.bars('')]
  let last = ''
  for (const row of rows) {
    const time = `${(row.at / 1_000).toFixed(3)}`
    lines.push(...lanes.draw(row, time === last ? '' : time))
    last = time
  }
  return lines.map((line) => line.trimEnd()).join('\n')
}

class Lanes {
  readonly #names: readonly string[]
  readonly #width: number
  readonly #lane: number

  constructor(names: readonly string[], width: number) {
    this.#names = names
    this.#width = width
    this.#lane = Math.floor((width - timeWidth) / names.length)
  }

  head(): string {
    const line = this.#blank('s')
    for (const name of this.#names) {
      const at = this.#at(name)
      put(line, Math.max(timeWidth, at - Math.floor(name.length / 2)), name.slice(0, this.#lane - 1))
    }
    return line.join('')
  }

  bars(time: string): string {
    return this.#barred(time).join('')
  }

  draw(row: Row, time: string): string[] {
    const { from, to, text } = row
    return to === undefined
      ? this.#note(from, text, time, row.strong === true)
      : [this.#arrow(from, to, text, time)]
  }

  #arrow(from: string, to: string, text: string, time: string): string {
    const line = this.#barred(time)
    const [a, b] = [this.#at(from), this.#at(to)]
    const [left, right] = [Math.min(a, b) + 1, Math.max(a, b) - 1]
    for (let i = left; i <= right; i++) line[i] = '-'
    // At least the head of the arrow and one dash on the other side.
    const room = right - left - 1
    const label = ` ${cut(text, room - 2)} `
    put(line, left + 1 + Math.max(0, Math.floor((room - label.length) / 2)), label)
    if (a < b) line[right] = '>'
    else line[left] = '<'
    return line.join('')
  }

  /** Beside its lane, where there is more room; as many lines as it needs. */
  #note(of: string, text: string, time: string, strong: boolean): string[] {
    const at = this.#at(of)
    const rightRoom = this.#width - at - 3
    const leftRoom = at - timeWidth - 3
    const right = rightRoom >= Math.min(leftRoom, text.length + 2)
    const mark = strong ? '!!' : '*'
    return wrap(`${mark} ${text}`, Math.max(20, right ? rightRoom : leftRoom)).map((part, i) => {
      const line = this.#barred(i === 0 ? time : '')
      put(line, right ? at + 2 : Math.max(timeWidth, at - 1 - part.length), part)
      return line.join('')
    })
  }

  #at(name: string): number {
    const index = this.#names.indexOf(name)
    if (index === -1) throw new Error(`${name} takes no part`)
    return timeWidth + Math.floor(this.#lane * (index + 0.5))
  }

  #barred(time: string): string[] {
    const line = this.#blank(time)
    for (const name of this.#names) line[this.#at(name)] = '|'
    return line
  }

  #blank(time: string): string[] {
    return [...time.padStart(timeWidth - 2).padEnd(this.#width)]
  }
}

function put(line: string[], at: number, text: string): void {
  for (const [i, letter] of [...text].entries()) line[at + i] = letter
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`
}

/** Lines of at most `length` letters, broken at spaces. */
export function wrap(text: string, length: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > length) {
      lines.push(line)
      line = `  ${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
