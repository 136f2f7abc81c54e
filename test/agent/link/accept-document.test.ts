import t from 'tap'
import { acceptDocument, confirmDocument } from '../../../src/agent/link/accept-document.ts'
import { compareTuples } from '../../../src/core/nodes/assignment.ts'
import type { Held } from '../../../src/wire/payloads.ts'
import fc from '../../support/fast-check.ts'

const held = (incarnation: number, revision: number, term: number, digest = 'a'): Held => ({
  tuple: { incarnation, revision, term },
  digest,
})
const zero = { incarnation: 0, revision: 0, term: 0 }

const table: readonly (readonly [string, Held | undefined, Held, string])[] = [
  ['something for one that has nothing', undefined, held(1, 1, 1), 'take'],
  ['a newer revision', held(1, 5, 1), held(1, 6, 1, 'b'), 'take'],
  ['a newer revision of an older term', held(1, 5, 9), held(1, 6, 1, 'b'), 'take'],
  ['an older revision of a newer term', held(1, 5, 1), held(1, 4, 9, 'b'), 'ignore'],
  ['a lower revision after a restore', held(1, 500, 9), held(2, 3, 10, 'b'), 'take'],
  ['a higher revision from before a restore', held(2, 3, 10), held(1, 500, 9, 'b'), 'ignore'],
  ['another rendering of the same snapshot by a newer hub', held(1, 5, 1), held(1, 5, 2, 'b'), 'take'],
  ['the same again', held(1, 5, 1), held(1, 5, 1), 'ignore'],
  ['the same content with a newer order', held(1, 5, 1), held(1, 7, 2), 'remember'],
]
for (const [what, has, comes, action] of table)
  t.test(`${what}: ${action}`, async t => {
    t.equal(acceptDocument({ held: has, floor: zero }, comes).action, action)
  })

t.test('before the hub has answered a hello of this life, nothing is taken', async t => {
  t.match(acceptDocument({ held: undefined, floor: undefined }, held(1, 5, 1)), { reason: 'not confirmed' })
})

t.test('below what the hub named in its answer, nothing is taken', async t => {
  const memory = confirmDocument({ held: undefined, floor: undefined }, held(1, 9, 1))
  t.match(acceptDocument(memory, held(1, 8, 1)), { reason: 'below the floor' })
  t.equal(acceptDocument(memory, held(1, 9, 1)).action, 'take')
})

t.test('whatever comes in whatever order, the order held never sinks and the floor holds', async t => {
  const anyHeld = fc.record({
    tuple: fc.record({
      incarnation: fc.nat(2),
      revision: fc.nat(6),
      term: fc.nat(3),
    }),
    digest: fc.constantFrom('a', 'b', 'c'),
  })
  const steps = fc.array(fc.record({ isReply: fc.boolean(), held: anyHeld }), { maxLength: 40 })
  fc.assert(
    fc.property(steps, all => {
      let memory: Parameters<typeof acceptDocument>[0] = { held: undefined, floor: undefined }
      for (const { isReply, held } of all) {
        const before = memory
        if (isReply) memory = confirmDocument(memory, held)
        else if (acceptDocument(memory, held).action !== 'ignore') memory = { ...memory, held }
        if (before.held !== undefined && memory.held !== undefined)
          t.ok(compareTuples(memory.held.tuple, before.held.tuple) >= 0)
        if (before.floor !== undefined && memory.floor !== undefined)
          t.ok(compareTuples(memory.floor, before.floor) >= 0)
      }
    }),
    { numRuns: 200 },
  )
})
