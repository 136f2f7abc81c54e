import t from 'tap'
import { type Members, type PatchSchema, strategicMerge, untyped } from '../../../src/api/patch/strategic-merge.ts'
import fc from '../../support/fast-check.ts'
import { reasonOf } from '../fault-of.ts'

/** A type with a list of each sort, which holds itself. */
const schema: PatchSchema = {
  field: name => ({
    rule: (
      {
        items: { strategy: 'merge', key: 'name' },
        words: { strategy: 'merge' },
        whole: { strategy: 'replace' },
        kept: { strategy: 'merge,retainKeys', key: 'name' },
      } as const
    )[name as 'items'],
    schema,
  }),
}

const table: readonly (readonly [string, Members, Members, Members])[] = [
  ['a member is added', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
  ['null removes', { a: 1, b: 2 }, { a: null, c: null }, { b: 2 }],
  ['maps merge', { m: { a: 1 } }, { m: { b: 2 } }, { m: { a: 1, b: 2 } }],
  ['a map of strategy replace is replaced', { whole: { a: 1 } }, { whole: { b: 2 } }, { whole: { b: 2 } }],
  ['another shape replaces', { m: { a: 1 } }, { m: [1] }, { m: [1] }],
  [
    'a list without a key is replaced',
    { other: [{ name: 'a' }] },
    { other: [{ name: 'b' }] },
    { other: [{ name: 'b' }] },
  ],
  [
    'items merge by key',
    { items: [{ name: 'a', x: 1 }, { name: 'b' }] },
    { items: [{ name: 'a', y: 2 }] },
    { items: [{ name: 'a', x: 1, y: 2 }, { name: 'b' }] },
  ],
  [
    'a new item stands before those that the patch does not know',
    { items: [{ name: 'a' }] },
    { items: [{ name: 'b' }] },
    { items: [{ name: 'b' }, { name: 'a' }] },
  ],
  ['words are a set', { words: ['a', 'b'] }, { words: ['b', 'c'] }, { words: ['a', 'b', 'c'] }],
  [
    '$patch: delete takes an item',
    { items: [{ name: 'a' }, { name: 'b' }] },
    { items: [{ name: 'a', $patch: 'delete' }] },
    { items: [{ name: 'b' }] },
  ],
  [
    '$patch: replace in a list takes the rest of the list',
    { items: [{ name: 'a' }] },
    { items: [{ name: 'b' }, { $patch: 'replace' }] },
    { items: [{ name: 'b' }] },
  ],
  [
    '$patch: replace in a map takes the rest of the map',
    { m: { a: 1, b: 2 } },
    { m: { c: 3, $patch: 'replace' } },
    { m: { c: 3 } },
  ],
  ['$patch: delete empties a map', { m: { a: 1 } }, { m: { $patch: 'delete' } }, { m: {} }],
  [
    '$patch: delete of what is not there adds nothing',
    { a: 1 },
    { m: { $patch: 'delete' }, items: [{ name: 'a', $patch: 'delete' }] },
    { a: 1, items: [] },
  ],
  [
    '$retainKeys drops the others',
    { m: { a: 1, b: 2 } },
    { m: { $retainKeys: ['b', 'c'], c: 3 } },
    { m: { b: 2, c: 3 } },
  ],
  [
    '$retainKeys in an item',
    { kept: [{ name: 'a', x: 1 }] },
    { kept: [{ $retainKeys: ['name', 'y'], name: 'a', y: 2 }] },
    { kept: [{ name: 'a', y: 2 }] },
  ],
  [
    '$setElementOrder orders',
    { items: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] },
    { '$setElementOrder/items': [{ name: 'c' }, { name: 'a' }] },
    { items: [{ name: 'b' }, { name: 'c' }, { name: 'a' }] },
  ],
  [
    '$setElementOrder places a new item',
    { items: [{ name: 'a' }, { name: 'z' }] },
    { '$setElementOrder/items': [{ name: 'a' }, { name: 'b' }], items: [{ name: 'b' }] },
    { items: [{ name: 'a' }, { name: 'b' }, { name: 'z' }] },
  ],
  [
    '$setElementOrder of a list that is not there adds nothing',
    { a: 1 },
    { '$setElementOrder/items': [{ name: 'a' }] },
    { a: 1 },
  ],
  [
    '$deleteFromPrimitiveList takes words',
    { words: ['a', 'b'], other: [1, 2] },
    { '$deleteFromPrimitiveList/words': ['a'], '$deleteFromPrimitiveList/other': [2] },
    { words: ['b'], other: [1] },
  ],
  [
    '$deleteFromPrimitiveList of what is not there adds nothing',
    { a: 1 },
    { '$deleteFromPrimitiveList/words': ['a'] },
    { a: 1 },
  ],
  [
    'what is taken whole holds no null and no directive',
    {},
    { m: { a: null, b: { $patch: 'delete' }, c: [{ $patch: 'delete', name: 'x' }], $retainKeys: ['a'] } },
    { m: { c: [] } },
  ],
]

for (const [name, original, patch, expected] of table) {
  t.test(name, async t => {
    const copies = structuredClone([original, patch])
    t.strictSame(strategicMerge(original, patch, schema), expected)
    t.strictSame([original, patch], copies, 'neither is changed')
  })
}

t.test('a directive that makes no sense is refused', async t => {
  const patches: readonly Members[] = [
    { $patch: 'rename' },
    { items: [{ x: 1 }] },
    { items: ['a'] },
    { items: [{ name: 'a', $patch: 'rename' }] },
    { '$setElementOrder/items': 'a' },
    { '$setElementOrder/items': [{ name: 'b' }, { name: 'a' }], items: [{ name: 'a' }, { name: 'b' }] },
    { '$deleteFromPrimitiveList/words': 'a' },
    { $retainKeys: ['a'], b: 1 },
    { items: Array.from({ length: 5_001 }, (_, index) => ({ name: `${index}` })) },
    { '$setElementOrder/items': Array.from({ length: 5_001 }, () => ({ name: 'z' })) },
  ]
  for (const patch of patches) {
    t.equal(
      reasonOf(() => strategicMerge({ items: [{ name: 'z' }] }, patch, schema)),
      'BadRequest',
      JSON.stringify(patch),
    )
  }
})

t.test(
  'a patch without directives and lists is a JSON merge patch: applying it twice is applying it once',
  async () => {
    const leaf = fc.oneof(fc.integer(), fc.constant(null), fc.string())
    const map = fc.letrec<{ map: Members }>(tie => ({
      map: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ maxDepth: 3 }, leaf, tie('map'))),
    })).map
    fc.assert(
      fc.property(map, map, (original, patch) => {
        const once = strategicMerge(original, patch, untyped)
        return JSON.stringify(strategicMerge(once, patch, untyped)) === JSON.stringify(once)
      }),
    )
  },
)
