import { createServer } from 'node:http'

const variable = 'LOCKSTEP_TEST_POSTGRES'

/**
 * Runs once around all test files. Holds the Postgres cluster in which they make their databases: it is
 * started when the first of them asks for it, at the address in the variable, and stopped after the last.
 * Where the variable already names a cluster, that one is used and left alone.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env[variable]) return async () => {}
  let cluster: Promise<{ readonly url: string; stop(): Promise<void> }> | undefined

  const desk = createServer((_request, response) => {
    cluster ??= import('@lockstep/testing').then(({ startPostgres }) => startPostgres())
    cluster.then(
      ({ url }) => response.end(url),
      (error: unknown) => {
        response.statusCode = 500
        response.end(error instanceof Error ? error.message : String(error))
      },
    )
  })
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve))
  const address = desk.address()
  if (address === null || typeof address === 'string') throw new Error('The cluster desk has no port.')
  process.env[variable] = `http://127.0.0.1:${address.port}` // workers start after this and inherit it

  return async () => {
    delete process.env[variable]
    desk.closeAllConnections()
    desk.close()
    await (await cluster?.catch(() => undefined))?.stop()
  }
}
