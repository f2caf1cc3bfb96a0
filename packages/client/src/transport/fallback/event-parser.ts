export interface StreamEvent {
  readonly name: string
  readonly data: string
}

/** Takes an event stream apart, however it was cut into pieces. @see the HTML standard, 9.2.6 */
export class EventParser {
  #pieces: string[] = []
  #name = ''
  #data: string[] = []
  readonly #take: (event: StreamEvent) => void
  #afterReturn = false

  constructor(take: (event: StreamEvent) => void) {
    this.#take = take
  }

  push(text: string): void {
    let from = 0
    // A line feed right after a carriage return belongs to it, also across pieces.
    if (this.#afterReturn && text.startsWith('\n')) from = 1
    if (text !== '') this.#afterReturn = text.endsWith('\r')
    for (const match of text.slice(from).matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)) {
      const [, piece = '', end] = match
      if (piece !== '') this.#pieces.push(piece)
      if (end === '') continue
      const line = this.#pieces.join('')
      this.#pieces = []
      this.#line(line)
    }
  }

  #line(line: string): void {
    if (line === '') {
      const event = { name: this.#name, data: this.#data.join('\n') }
      const whole = this.#data.length > 0
      this.#name = ''
      this.#data = []
      if (whole) this.#take(event)
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#name = value
  }
}
