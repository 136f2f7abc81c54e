import t from 'tap'
import type { KubeObject } from '../../../src/api/types.ts'
import { objectCache } from '../../../src/hub/store/object-cache.ts'
import fc from '../../support/fast-check.ts'
import { testKinds } from '../../support/kinds.ts'

const order = ({ metadata }: KubeObject): string => `${metadata.namespace}\0${metadata.name}`

t.test('whatever happens, lists are what is there, in order, and those handed out stay as they were', async t => {
  const key = fc.record({ namespace: fc.constantFrom('a', 'b', 'a-b'), name: fc.constantFrom('x', 'y', 'x-1', 'z') })
  const step = fc.oneof(
    fc.record({ act: fc.constantFrom('put', 'delete'), key }),
    fc.record({ act: fc.constant('list'), key }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const cache = objectCache(testKinds)
      const model = new Map<string, KubeObject>()
      const handed: { readonly list: readonly KubeObject[]; readonly was: string }[] = []
      let count = 0
      for (const { act, key } of steps) {
        const at = `${key.namespace}/${key.name}`
        if (act === 'put') {
          count += 1
          const object = { metadata: { ...key, resourceVersion: String(count) } }
          t.equal(cache.set('ConfigMap', key, object), model.get(at))
          model.set(at, object)
        } else if (act === 'delete') {
          t.equal(cache.set('ConfigMap', key, undefined), model.get(at))
          model.delete(at)
        } else {
          for (const namespace of [undefined, key.namespace]) {
            const list = cache.list('ConfigMap', namespace)
            const wanted = [...model.values()]
              .filter(one => namespace === undefined || one.metadata.namespace === namespace)
              .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
            t.strictSame(list, wanted)
            handed.push({ list, was: JSON.stringify(list) })
          }
        }
      }
      for (const { list, was } of handed) t.equal(JSON.stringify(list), was)
    }),
    { numRuns: 100 },
  )
})
