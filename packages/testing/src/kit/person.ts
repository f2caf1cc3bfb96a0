import { type Faults, faultsOf } from '../faults/faults.ts'
import { openLine } from '../faults/line.ts'
import type { ClientTime } from '../faults/time.ts'
import type { TestServer } from './server.ts'
import type { Transport } from './watch.ts'

/** Somebody with a client in this process, and with a line of their own that fails on command. */
export interface Person extends Faults {
  readonly name: string
  /** Id of the user. */
  readonly user: string
  /** The application's, over this person's line. */
  readonly address: string
  /**
   * The page that a server would have rendered for this user, for `createClient({ page })`: its address is over this
   * person's line.
   */
  page(channels: readonly string[]): ReturnType<TestServer['sync']['page']>
  /** The same transport, watched. @see Watch.transport */
  transport<Link extends { send(text: string): void; close(): void }>(plain: Transport<Link>): Transport<Link>
  /**
   * The same runtime on the server's clock; its requests go over this person's line, with the cookie `user`. For
   * `createClient(..., { runtime: alice.runtime(platformRuntime) })`.
   */
  runtime<R extends ClientRuntime>(plain: R): R
  close(): Promise<void>
}

/** What is changed of a client's runtime. */
interface ClientRuntime extends ClientTime {
  fetch(url: string, request: never): Promise<unknown>
}

export interface PersonOptions {
  readonly server: TestServer
  readonly name: string
  readonly user: string
}

export async function openPerson({ server, name, user }: PersonOptions): Promise<Person> {
  const line = await openLine({ target: server.address, path: server.path })
  return {
    ...faultsOf(line, server, user),
    name,
    user,
    address: line.address,
    async page(channels) {
      const page = await server.sync.page({ id: user }, channels)
      return { ...page, url: line.address + page.url }
    },
    transport: (plain) => server.watch.transport(plain, () => line.isSilent),
    runtime: <R extends ClientRuntime>(plain: R): R => ({
      ...server.time.of(plain),
      fetch(url: string, request: { readonly headers?: object }) {
        const headers = { ...request.headers, cookie: `user=${encodeURIComponent(user)}` }
        // The runtime's own kind of request, with a header more.
        return plain.fetch(new URL(url, line.address).href, { ...request, headers } as never)
      },
    }),
    close: () => line.close(),
  }
}
