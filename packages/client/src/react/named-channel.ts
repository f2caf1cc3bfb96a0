/** As much of a channel as hooks beside its rows need: any channel has it. */
export interface NamedChannel {
  readonly name: string
}
