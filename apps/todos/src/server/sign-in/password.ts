import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** scrypt's N; with r = 8 it takes 16 MiB and some 50 ms. */
const cost = 2 ** 14
const hashBytes = 32

/** `scrypt$<cost>$<salt>$<hash>`, the latter two in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, cost)
  return `scrypt$${cost}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [kind, storedCost, salt, hash] = stored.split('$')
  if (kind !== 'scrypt' || salt === undefined || hash === undefined) return false
  const expected = Buffer.from(hash, 'base64url')
  const actual = await derive(password, Buffer.from(salt, 'base64url'), Number(storedCost))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Takes as long as a real check, so that the reply's time does not tell whether an address has an account. */
export async function verifyNobody(password: string): Promise<false> {
  await derive(password, nobodysSalt, cost)
  return false
}

const nobodysSalt = randomBytes(16)

function derive(password: string, salt: Buffer, n: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One text has several spellings in Unicode; keyboards differ in which they give.
    scrypt(password.normalize('NFKC'), salt, hashBytes, { N: n, r: 8, p: 1 }, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}
