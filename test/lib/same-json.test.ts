import t from 'tap'
import { canonicalJson } from '../../src/lib/canonical-json.ts'
import { sameJson } from '../../src/lib/same-json.ts'
import fc from '../support/fast-check.ts'

t.test('the order of keys and absent members do not matter, everything else does', async t => {
  t.ok(sameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1, d: undefined }))
  t.notOk(sameJson({ a: 1 }, { a: '1' }))
  t.notOk(sameJson({ a: 1 }, { a: 1, b: 2 }))
  t.notOk(sameJson({ a: 1, b: 2 }, { a: 1 }))
  t.notOk(sameJson([1, 2], [2, 1]))
  t.notOk(sameJson([], {}))
  t.notOk(sameJson(null, {}))
})

t.test('values are the same exactly when their canonical JSON is', async t => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (a, b) => {
      t.equal(sameJson(a, b), canonicalJson(a) === canonicalJson(b))
      t.ok(sameJson(a, structuredClone(a)))
    }),
    { numRuns: 200 },
  )
})
