import t from 'tap'
import { applyPatchOf, type MergeRule } from '../../src/cli/last-applied.ts'
import fc from '../support/fast-check.ts'

const rule: MergeRule = path =>
  path.at(-1) === 'containers' ? { key: 'name' } : path.at(-1) === 'finalizers' ? { isSet: true } : undefined

t.test('what the last manifest said and this one does not is deleted; the rest is said again', async t => {
  for (const [name, last, wanted, patch] of [
    ['a field taken out', { spec: { a: 1, b: 2 } }, { spec: { a: 1 } }, { spec: { a: 1, b: null } }],
    ['nothing applied before', undefined, { spec: { a: 1 } }, { spec: { a: 1 } }],
    ['a list without a key is replaced', { args: [1, 2] }, { args: [2] }, { args: [2] }],
    [
      'an item of a keyed list taken out',
      { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
      { containers: [{ name: 'a' }] },
      {
        containers: [
          { name: 'a', image: null },
          { $patch: 'delete', name: 'b' },
        ],
      },
    ],
    [
      'a member of a set taken out',
      { finalizers: ['a', 'b'] },
      { finalizers: ['b'] },
      { finalizers: ['b'], '$deleteFromPrimitiveList/finalizers': ['a'] },
    ],
  ] as const) {
    t.strictSame(applyPatchOf(last, wanted, rule), patch, name)
  }
})

t.test('the same manifest twice deletes nothing', async t => {
  const json = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'containers'),
    fc.oneof(fc.integer(), fc.string(), fc.dictionary(fc.constantFrom('x', 'y'), fc.integer())),
  )
  fc.assert(
    fc.property(json, manifest => {
      t.notMatch(JSON.stringify(applyPatchOf(manifest, manifest, rule)), /null|\$patch/)
    }),
  )
  t.pass('no deletion was found')
})
