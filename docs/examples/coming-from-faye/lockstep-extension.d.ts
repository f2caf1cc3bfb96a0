type Step = (message: object, callback: (message: object) => void) => void

export declare function lockstepExtension(options?: {
  readonly token?: string
  readonly positions?: Record<string, string>
  readonly onReset?: (channel: string, reason: string) => void
}): { readonly positions: Record<string, string>; readonly outgoing: Step; readonly incoming: Step }
