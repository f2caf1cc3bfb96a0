/**
 * Where the server tells its operator things. Compatible with pino and console. Never gets row data,
 * tokens or secrets: only names, counts, positions and error codes.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
