import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { maxDepth, parseStrictJson } from '../../src/api/strict-json.ts'
import fc from '../support/fast-check.ts'
import { faultOf, reasonOf } from './fault-of.ts'

t.test('it reads what JSON.parse reads, and the same', async () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(0, 2), (text, indent) => {
      if (text.includes('__proto__')) return true
      const pretty = JSON.stringify(JSON.parse(text), undefined, indent)
      return JSON.stringify(parseStrictJson(pretty).value) === JSON.stringify(JSON.parse(pretty))
    }),
  )
})

t.test('members that stand twice are told with their path; the last one wins', async t => {
  const { value, duplicates } = parseStrictJson('{"a":{"b":[{"c":1,"c":2}],"b":3},"a":1}')
  t.strictSame(value, { a: 1 })
  t.strictSame(duplicates, ['a.b[0].c', 'a.b', 'a'])
})

t.test('a text without end of duplicates tells a bounded number of them', async t => {
  t.equal(parseStrictJson(`{${Array.from({ length: 500 }, () => '"a":1').join(',')}}`).duplicates.length, 32)
})

t.test('what is no JSON is refused with its place', async t => {
  for (const text of [
    '',
    '{',
    '[',
    '"',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '[1,]',
    '{"a":1,}',
    '01',
    '1.',
    '.5',
    '+1',
    'NaN',
    'nul',
    '"\n"',
    '"\\x"',
    '"\\u12"',
    '1 2',
    '{}x',
    '\u00a0{}',
  ]) {
    t.equal(
      reasonOf(() => parseStrictJson(text)),
      'BadRequest',
      JSON.stringify(text),
    )
  }
  t.match(faultOf(() => parseStrictJson('{\n"a": x}')).message, /line 2.*expected a value, found "x"/)
})

t.test('nesting is bounded', async t => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  t.ok(parseStrictJson(nested(maxDepth)))
  t.equal(
    reasonOf(() => parseStrictJson(nested(maxDepth + 1))),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseStrictJson('{"a":'.repeat(100_000))),
    'BadRequest',
  )
})

t.test('no key reaches a prototype', async t => {
  t.equal(
    reasonOf(() => parseStrictJson('{"__proto__":{"x":1}}')),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseStrictJson('{"\\u005f_proto__":{"x":1}}')),
    'BadRequest',
  )
  const { value } = parseStrictJson('{"constructor":{"prototype":{"polluted":true}}}')
  t.strictSame(Object.keys(value as object), ['constructor'])
  t.equal(Reflect.get({}, 'polluted'), undefined)
})

t.test('no text makes it throw anything but a fault', async () => {
  const almost = fc.string({ unit: fc.constantFrom(...'{}[]",:\\ux01.e-+ tfn', 'true', 'null', '\n'), maxLength: 60 })
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), text => {
      try {
        parseStrictJson(text)
        return true
      } catch (error) {
        return isFault(error, 'BadRequest')
      }
    }),
  )
})
