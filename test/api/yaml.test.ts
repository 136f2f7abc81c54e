import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { formatYaml, parseYaml } from '../../src/api/yaml.ts'
import fc from '../support/fast-check.ts'
import { faultOf, reasonOf } from './fault-of.ts'

const firstOf = (text: string): unknown => parseYaml(text)[0]?.value

t.test('words and numbers mean what they mean in Kubernetes', async t => {
  const table: readonly (readonly [string, unknown])[] = [
    ['a: 0644', { a: 420 }],
    ['a: yes', { a: true }],
    ['a: off', { a: false }],
    ['a: "yes"', { a: 'yes' }],
    ['a: 2001-12-14', { a: '2001-12-14' }],
    ['a: 22:22', { a: '22:22' }],
    ['a: 0x1F', { a: 31 }],
    ['a: 1e3', { a: 1000 }],
    ['a: ~', { a: null }],
    ['a:', { a: null }],
    ['80: x', { '80': 'x' }],
    ['true: x', { true: 'x' }],
    ['a: &x {b: 1}\nc:\n  <<: *x\n  d: 2', { a: { b: 1 }, c: { b: 1, d: 2 } }],
    ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
    ['{"a": [1, "b"]}', { a: [1, 'b'] }],
  ]
  for (const [text, value] of table) t.strictSame(firstOf(text), value, text)
})

t.test('documents are read one by one; empty ones are none', async t => {
  t.strictSame(
    parseYaml('---\n# nothing\n---\na: 1\n---\nb: 2\n---\n').map(one => one.value),
    [{ a: 1 }, { b: 2 }],
  )
  t.strictSame(parseYaml(''), [])
})

t.test('a key that stands twice is told with its line', async t => {
  t.strictSame(parseYaml('a: 1\nb:\n  c: 1\n  c: 2\n')[0]?.duplicates, ['key "c" at line 4'])
})

t.test('what is no YAML is refused with its place', async t => {
  for (const text of ['a: [1', 'a: b: c', '\ta: 1', 'a: *x', '{a: 1}: 2', 'a: "x', '__proto__: {a: 1}']) {
    t.equal(
      reasonOf(() => parseYaml(text)),
      'BadRequest',
      text,
    )
  }
  t.match(faultOf(() => parseYaml('a: 1\nb: [1')).message, /^error parsing YAML: line 2: Flow sequence/)
})

t.test('no small text becomes a large value, or a deep one', async t => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 9; i += 1)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`)
  t.equal(
    reasonOf(() => parseYaml(lines.join('\n'))),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseYaml('['.repeat(200))),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseYaml(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)),
    'BadRequest',
  )
})

t.test('what was written is read again as it was', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), value => {
      const text = JSON.stringify({ value })
      if (text.includes('__proto__')) return true
      return JSON.stringify(sorted(firstOf(formatYaml({ value })))) === JSON.stringify(sorted(JSON.parse(text)))
    }),
  )
})

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, member]) => [key, sorted(member)]),
        )
      : Object.is(value, -0)
        ? 0
        : value

t.test('no text makes it throw anything but a fault', async () => {
  const almost = fc.string({
    unit: fc.constantFrom(...'ab:-[]{}&*!|>%@`"\'#,? \n\t1', '<<', '---\n', '  '),
    maxLength: 60,
  })
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), text => {
      try {
        parseYaml(text)
        return true
      } catch (error) {
        return isFault(error, 'BadRequest')
      }
    }),
    { numRuns: 500 },
  )
})
