import { encodeFrame } from '../../log/frame.ts'

/** A message to clients, encoded once for all that get it. */
export class Parcel {
  /** JSON. */
  readonly text: string
  #frame: Buffer | undefined

  constructor(text: string) {
    this.text = text
  }

  /** A whole WebSocket frame with an array of this message alone: the same bytes for every client. */
  get frame(): Buffer {
    this.#frame ??= encodeFrame(`[${this.text}]`).bytes
    return this.#frame
  }
}

/** Joins frames; clients one after the other that get the same ones get the same bytes. */
export class Joiner {
  #last: readonly Parcel[] = []
  #bytes: Buffer = Buffer.alloc(0)

  bytesOf(parcels: readonly Parcel[]): Buffer {
    const [only] = parcels
    if (parcels.length === 1 && only !== undefined) return only.frame
    if (!isSame(parcels, this.#last)) {
      this.#last = parcels
      this.#bytes = Buffer.concat(parcels.map((parcel) => parcel.frame))
    }
    return this.#bytes
  }
}

function isSame(a: readonly Parcel[], b: readonly Parcel[]): boolean {
  return a.length === b.length && a.every((parcel, i) => parcel === b[i])
}
