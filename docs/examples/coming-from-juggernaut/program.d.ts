export declare function follow(
  options: {
    readonly port: number
    readonly session: { readonly id: string; readonly token: string }
    readonly channel: string
  },
  hear: (body: { operation: string; envelope: unknown; session_id: string | null }) => void,
): () => void
