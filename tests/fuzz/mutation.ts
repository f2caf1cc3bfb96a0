import fc from 'fast-check'

/** What is done to a sequence of bytes, characters or messages; places count from its start, in thousandths. */
type Mutation =
  | { readonly kind: 'cut'; readonly at: number; readonly until: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly until: number; readonly times: number }
  | { readonly kind: 'move'; readonly at: number; readonly until: number; readonly to: number }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'set' | 'insert'; readonly at: number; readonly value: number }

const place = fc.integer({ min: 0, max: 1_000 })
const value = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x5b, 0x25, 0x3d, 0x0a, 0x0d, 0xed, 0xc0),
)
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('set', 'insert'), at: place, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut'), at: place, until: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end'), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('repeat'),
      at: place,
      until: place,
      times: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move'), at: place, until: place, to: place }) },
)

function mutate<T>(list: readonly T[], mutations: readonly Mutation[], make: (value: number) => T): T[] {
  let all = [...list]
  for (const change of mutations) {
    const at = Math.floor((change.at * all.length) / 1_000)
    // Pieces are short more often than long, and never make a text many times as long.
    const end = 'until' in change ? at + ((change.until % 40) * Math.max(40, all.length)) / 1_600 : at
    const piece = all.slice(at, end)
    if (change.kind === 'end') all = all.slice(0, at)
    else if (change.kind === 'set') all.splice(at, 1, make(change.value))
    else if (change.kind === 'insert') all.splice(at, 0, make(change.value))
    else if (change.kind === 'cut') all.splice(at, piece.length)
    else if (change.kind === 'repeat')
      for (let i = 0; i < change.times && all.length < 65_536; i++) all.splice(at, 0, ...piece)
    else if (change.kind === 'move') {
      all.splice(at, piece.length)
      all.splice(Math.floor((change.to * all.length) / 1_000), 0, ...piece)
    }
  }
  return all
}

const mutations = (max: number): fc.Arbitrary<Mutation[]> => fc.array(mutation, { maxLength: max })

/** Bytes that were right once, with bytes set, inserted, cut, repeated and moved. Up to `max` times; also untouched. */
export function mutatedBytes(right: fc.Arbitrary<Uint8Array>, max = 4): fc.Arbitrary<Buffer> {
  return fc
    .tuple(right, mutations(max))
    .map(([bytes, changes]) => Buffer.from(mutate([...bytes], changes, (byte) => byte)))
}

/** The same for text, by UTF-16 units: halves of characters come up too. */
export function mutatedText(right: fc.Arbitrary<string>, max = 4): fc.Arbitrary<string> {
  const units = ['\u0000', '\u2028', '\u2029', '\ud800', '\udfff', '\ufeff', '\u00e9', '\r\n', '__proto__']
  const make = (code: number): string =>
    code % 8 === 0 ? (units[(code / 8) % units.length] ?? '') : String.fromCharCode(code)
  return fc
    .tuple(right, mutations(max))
    .map(([text, changes]) => mutate(text.split(''), changes, make).join(''))
}

/** The same for a sequence, whose elements are left out, repeated and moved. `spare` comes in between. */
export function mutatedSequence<T>(
  right: fc.Arbitrary<readonly T[]>,
  spare: (value: number) => T,
): fc.Arbitrary<T[]> {
  return fc.tuple(right, mutations(3)).map(([list, changes]) => mutate(list, changes, spare))
}
