import fc from '../support/fast-check.ts'

/*
 * Input for parsers, from three sources: what is valid, changed a little; what is made of the parser's own alphabet; and
 * noise. Beside these, for each parser once, large input of the kinds on which parsers hang or overflow their stack.
 */

const awkward = [
  ...['', ' ', '\0', '\n', '\\', '"', "'", '%', '%zz', '\u{1f600}', '\ud800', '\ufeff', '__proto__', 'constructor'],
  ...['-1', '1e999', 'NaN', '9007199254740993', '..', '../../etc', '*', '0'.repeat(80), 'a'.repeat(300)],
]

/** JSON values that are of no expected type. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, [], {}, [[]], [null], { toString: 1 }, { length: -1 }),
  fc.constantFrom(...awkward),
  fc.jsonValue({ maxDepth: 3 }),
)

/** A JSON value with one to three of its parts replaced, removed, or joined by another. */
const changedJson = (value: unknown): fc.Arbitrary<unknown> =>
  fc
    .array(fc.record({ at: fc.nat(), part: oddValue, how: fc.constantFrom('replace', 'remove', 'add') }), {
      minLength: 1,
      maxLength: 3,
    })
    .map(changes =>
      changes.reduce(
        (json: unknown, change) => changeAt(json, { ...change, part: structuredClone(change.part) }),
        structuredClone(value),
      ),
    )

interface Change {
  readonly at: number
  readonly part: unknown
  readonly how: string
}

const changeAt = (json: unknown, { at, part, how }: Change): unknown => {
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = []
  const walk = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return
    for (const [key, member] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key })
      walk(member)
    }
  }
  walk(json)
  const place = places[at % Math.max(1, places.length)]
  if (place === undefined) return part
  if (how === 'replace') place.holder[place.key] = part
  else if (how === 'remove') delete place.holder[place.key]
  else place.holder[awkward[at % awkward.length] || 'x'] = part
  return json
}

/** JSON text for a parser that takes text. */
export const jsonTexts = (samples: readonly unknown[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...samples)
        .chain(changedJson)
        .map(toJson),
    },
    { weight: 1, arbitrary: oddValue.map(toJson) },
    { weight: 1, arbitrary: texts(samples.map(toJson)) },
  )

const toJson = (value: unknown): string => JSON.stringify(value) ?? 'null'

/** Valid texts with pieces cut out, doubled, or replaced by awkward ones; words of their own characters; noise. */
export const texts = (samples: readonly string[]): fc.Arbitrary<string> => {
  const alphabet = [...new Set([...samples.join(''), ...'(){}[],=!<>"\\/.:-+ \n\t0'])]
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...samples),
          fc.nat(),
          fc.nat({ max: 12 }),
          fc.constantFrom('', ...awkward),
          fc.boolean(),
        )
        .map(([sample, from, length, piece, isDoubled]) => {
          const at = from % (sample.length + 1)
          const cut = sample.slice(at, at + length)
          return `${sample.slice(0, at)}${isDoubled ? cut + cut : piece}${sample.slice(at + length)}`
        }),
    },
    { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 60 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  )
}

/** Valid bytes with a few changed, cut off or added; noise. */
export const bytes = (samples: readonly Uint8Array[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...samples),
          fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xc0, 0xff), fc.nat({ max: 255 }))), {
            maxLength: 4,
          }),
          fc.oneof(fc.constant(0), fc.nat({ max: 2000 })),
          fc.uint8Array({ maxLength: 8 }),
        )
        .map(([sample, changes, cut, more]) => {
          const changed = Buffer.from(sample.subarray(0, Math.max(0, sample.length - cut)))
          for (const [at, byte] of changes) if (changed.length > 0) changed[at % changed.length] = byte
          return Buffer.concat([changed, more])
        }),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map(noise => Buffer.from(noise)) },
  )

const large = 200_000

/** The package that reads YAML takes more than linear time; no more than 64 KiB of it are ever read from outside. */
export const mostYaml = 4 * 1024

/** Large texts of the kinds on which a parser hangs, takes the square of the time, or overflows its stack. */
export const largeTexts = (samples: readonly string[]): readonly string[] => [
  ...[
    '(',
    '[',
    '{',
    '{"a":',
    '[[',
    ',',
    'a,',
    'a=b,',
    '=',
    '0',
    '9',
    '.',
    '-',
    ' ',
    '\n',
    '\\',
    '"',
    '%',
    '/',
    'a/',
  ].map(piece => piece.repeat(Math.ceil(large / piece.length))),
  ...[...'([{"'].map(open => `${open}${'a'.repeat(large)}`),
  `[${'0,'.repeat(large / 2)}0]`,
  `{${Array.from({ length: 20_000 }, (_, at) => `"k${at}":0`).join(',')}}`,
  `a: ${'&a *a '.repeat(1000)}`,
  `a in (${'x,'.repeat(large / 2)}x)`,
  `${'- '.repeat(20_000)}a`,
  `a!=${'\\'.repeat(large)}`,
  ...samples.flatMap(sample => {
    const half = Math.floor(sample.length / 2)
    const times = Math.ceil(large / Math.max(1, sample.length))
    return [sample.repeat(times), `${sample.slice(0, half)}${'0'.repeat(large)}${sample.slice(half)}`]
  }),
]

export const largeBytes = (samples: readonly Uint8Array[]): readonly Buffer[] => [
  ...[0, 1, 0x30, 0x80, 0xc0, 0xff].map(byte => Buffer.alloc(large, byte)),
  ...samples.flatMap(sample => [
    Buffer.concat([sample, Buffer.alloc(large)]),
    Buffer.concat([sample, Buffer.alloc(large, 0xff)]),
    Buffer.alloc(large, sample.length === 0 ? Buffer.from([0]) : sample),
  ]),
]
