import t from 'tap'
import { brokerMemory } from '../../../src/hub/broker/broker-memory.ts'

const prefix = 'dunlin/1/f1/'

t.test('a subscription finds the births that it asks for, and a node’s own finds none', async t => {
  const memory = brokerMemory('f1')
  const topics = ['attic/node', 'attic/pod.default.web', 'barn/node'].map(device => `${prefix}t/${device}/birth`)
  for (const topic of topics) await memory.storeRetained({ topic, payload: Buffer.from('{}'), qos: 0 })
  const [atticNode, atticPod, barnNode] = topics
  const found: readonly (readonly [string, readonly (string | undefined)[]])[] = [
    [`${prefix}t/#`, topics],
    [`${prefix}#`, topics],
    [`${prefix}t/+/node/birth`, [atticNode, barnNode]],
    [`${prefix}t/attic/#`, [atticNode, atticPod]],
    [`${prefix}t/attic/node/birth`, [atticNode]],
    [`${prefix}+/barn/node/birth`, [barnNode]],
    [`${prefix}t/cellar/#`, []],
    [`${prefix}n/attic/d/+`, []],
    [`${prefix}b/hub`, []],
  ]
  for (const [filter, expected] of found) {
    const births: unknown[] = await memory.createRetainedStream(filter).toArray()
    t.strictSame(births.map(birth => Object(birth).topic).toSorted(), [...expected].toSorted(), filter)
  }
})
