/** Bounds that both sides know. Units stand last in the names; a server may lower, never raise them. */

/** Version of the wire protocol. @see docs/protocol.md P1 */
export const protocolVersion = 1

/** Longest channel name, in UTF-16 units. */
export const channelLengthMax = 256

/** Longest token, in characters. */
export const tokenLengthMax = 4096

/** Largest message a client may send, in bytes. */
export const clientMessageBytesMax = 65_536

/** Deepest nesting accepted in a client message. */
export const clientMessageDepthMax = 16

/** Most subscriptions of one session. */
export const subscriptionsMax = 1000

/** Longest idempotency key, in characters. */
export const mutationLengthMax = 128

/** Longest name of a resource, in UTF-16 units. */
export const resourceLengthMax = 256

/** Longest name of a broadcast's event, in UTF-16 units. */
export const eventLengthMax = 64

/** Longest text of what a holder is doing, in UTF-16 units. */
export const doingLengthMax = 100

/** Shortest and longest lease of a lock, in ms. */
export const leaseMsLeast = 1_000
export const leaseMsMax = 3_600_000

/** Longest wait for a lock, in ms. */
export const lockWaitMsMax = 120_000
