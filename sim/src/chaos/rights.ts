/** Who is what in which room, as the application knows it. */
export type Right = 'member' | 'guest' | false

/** User and room to what the user is there. */
export class Rights {
  readonly #of: Map<string, Right> = new Map()

  constructor(all: Readonly<Record<string, Right>> = {}) {
    for (const [key, right] of Object.entries(all)) this.#of.set(key, right)
  }

  get(user: string, room: string): Right {
    return this.#of.get(`${user} ${room}`) ?? false
  }

  set(user: string, room: string, right: Right): void {
    this.#of.set(`${user} ${room}`, right)
  }

  /** All of them, to be handed to another process. */
  all(): Record<string, Right> {
    return Object.fromEntries(this.#of)
  }
}
