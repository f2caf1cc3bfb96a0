import { connect } from 'node:net'

/** How long a connection may take, in ms. */
const reachMsMax = 1_000

const defaultPorts: Readonly<Record<string, number>> = {
  'postgres:': 5432,
  'postgresql:': 5432,
  'https:': 443,
}

/**
 * Tries to connect to each place, given as a name and a URL, so that a test that cannot work fails at once.
 * @throws Error naming every place that nobody answers at. Passwords in URLs are left out.
 */
export async function assertReachable(places: Readonly<Record<string, string>>): Promise<void> {
  const faults = await Promise.all(
    Object.entries(places).map(async ([name, place]) => {
      if (!URL.canParse(place) || new URL(place).hostname === '') {
        return [`${name} has no address such as http://localhost:3000 or postgres://localhost/app.`]
      }
      const { hostname, port, protocol } = new URL(place)
      const number = port === '' ? (defaultPorts[protocol] ?? 80) : Number(port)
      const fault = await faultOf(hostname.replace(/^\[|\]$/g, ''), number)
      return fault === undefined ? [] : [`${name} cannot be reached at ${hostname}:${number}: ${fault}`]
    }),
  )
  const told = faults.flat()
  if (told.length > 0) throw new Error(told.join('\n'))
}

function faultOf(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (fault?: string): void => {
      socket.destroy()
      resolve(fault)
    }
    socket.setTimeout(reachMsMax, () => end(`no answer within ${reachMsMax} ms`))
    socket.once('connect', () => end())
    socket.once('error', (error) => end('code' in error ? String(error.code) : error.message))
  })
}
