import t from 'tap'
import { freePodRange } from '../../../src/core/nodes/pod-ranges.ts'
import { parseRange, rangesOverlap } from '../../../src/core/services/ranges.ts'
import fc from '../../support/fast-check.ts'

const free = (taken: readonly string[], after?: string, clusterCIDR = '10.64.0.0/11', prefix = 25) =>
  freePodRange({ clusterCIDR, prefix, after, isTaken: range => taken.includes(range) })

t.test('ranges are given one after another, round the whole', async t => {
  t.equal(free([]), '10.64.0.0/25')
  t.equal(free(['10.64.0.0/25'], '10.64.0.0/25'), '10.64.0.128/25')
  t.equal(free([], '10.64.0.128/25'), '10.64.1.0/25', 'one just given back is not given again at once')
  t.equal(free([], '10.95.255.128/25'), '10.64.0.0/25')
  t.equal(free([], '10.64.0.0/25', '10.64.0.0/24', 25), '10.64.0.128/25')
})

t.test('when all are held there is none', async t => {
  t.equal(free(['10.64.0.0/25', '10.64.0.128/25'], undefined, '10.64.0.0/24'), undefined)
  t.equal(free([], undefined, '10.64.0.0/26', 25), undefined, 'a node’s range that is larger than the whole')
  t.equal(free([], undefined, 'nonsense'), undefined)
})

t.test('no two nodes ever share an address, however they come and go', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 80 }), steps => {
      const held = new Map<number, string>()
      let last: string | undefined
      for (const [node, comes] of steps) {
        if (!comes) held.delete(node)
        else if (!held.has(node)) {
          const range = freePodRange({
            clusterCIDR: '10.64.0.0/27',
            prefix: 30,
            after: last,
            isTaken: one => [...held.values()].includes(one),
          })
          if (range === undefined) {
            if (held.size < 8) return false
            continue
          }
          held.set(node, range)
          last = range
        }
      }
      const ranges = [...held.values()].map(text => parseRange(text)!)
      return ranges.every((one, index) => ranges.slice(index + 1).every(other => !rangesOverlap(one, other)))
    }),
    { numRuns: 300 },
  )
})
