import t from 'tap'
import type { Node, Pod } from '../../../src/api/types.ts'
import { nodeRoom, withPod } from '../../../src/core/scheduling/node-room.ts'
import { schedulePod } from '../../../src/core/scheduling/schedule-pod.ts'
import fc from '../../support/fast-check.ts'
import { aPodToPlace } from './builders.ts'

const nodes = fc.array(
  fc.record({
    cpu: fc.nat(4000),
    memory: fc.nat(2048),
    pods: fc.nat(6),
    isTainted: fc.boolean(),
    isReady: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)
const pods = fc.array(
  fc.record({
    cpu: fc.nat(2500),
    memory: fc.nat(1500),
    isTolerant: fc.boolean(),
    hostPort: fc.constantFrom(0, 0, 80, 81),
  }),
  { maxLength: 20 },
)

type Wish = { cpu: number; memory: number; isTolerant: boolean; hostPort: number }

const podOf = ({ cpu, memory, isTolerant, hostPort }: Wish, index: number): Pod =>
  aPodToPlace(
    {
      containers: [
        {
          name: 'web',
          resources: { requests: { cpu: `${cpu}m`, memory: `${memory}Mi` } },
          ...(hostPort > 0 && { ports: [{ containerPort: 80, hostPort }] }),
        },
      ],
      ...(isTolerant && { tolerations: [{ key: 'hot', operator: 'Exists' }] }),
    },
    `pod-${index}`,
  )

t.test('nothing is ever bound beyond what a node has, and nothing waits that would fit', async () => {
  fc.assert(
    fc.property(nodes, pods, (given, wishes) => {
      const all = given.map(
        ({ cpu, memory, pods: count, isTainted, isReady }, index): Node => ({
          metadata: { name: `node-${index}` },
          spec: isTainted ? { taints: [{ key: 'hot', effect: 'NoSchedule' }] } : {},
          status: {
            allocatable: { cpu: `${cpu}m`, memory: `${memory}Mi`, pods: `${count}` },
            conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
          },
        }),
      )
      let rooms = all.map(node => nodeRoom(node, []))
      const bound = new Map<string, Wish[]>()
      /** The same question, asked without any of the scheduler's code. */
      const fits = (wish: Wish, index: number): boolean => {
        const node = given[index]
        const here = bound.get(`node-${index}`) ?? []
        const sum = (of: (one: Wish) => number): number => here.reduce((total, one) => total + of(one), of(wish))
        if (node === undefined) return false
        return (
          node.isReady &&
          (!node.isTainted || wish.isTolerant) &&
          here.length < node.pods &&
          (wish.cpu === 0 || sum(one => one.cpu) <= node.cpu) &&
          (wish.memory === 0 || sum(one => one.memory) <= node.memory) &&
          (wish.hostPort === 0 || !here.some(one => one.hostPort === wish.hostPort))
        )
      }
      for (const [index, wish] of wishes.entries()) {
        const decision = schedulePod(podOf(wish, index), rooms)
        if (decision.action === 'wait') {
          if (given.some((_, which) => fits(wish, which))) return false
          continue
        }
        if (!fits(wish, Number(decision.node.slice('node-'.length)))) return false
        bound.set(decision.node, [...(bound.get(decision.node) ?? []), wish])
        rooms = rooms.map(room => (room.name === decision.node ? withPod(room, podOf(wish, index)) : room))
      }
      return true
    }),
    { numRuns: 500 },
  )
})

t.test('a room that grew pod by pod is the room made of all of them', async t => {
  const node: Node = { metadata: { name: 'a' }, status: { allocatable: { cpu: '2', memory: '1Gi' } } }
  fc.assert(
    fc.property(pods, wishes => {
      const all = wishes.map(podOf)
      const grown = all.reduce(withPod, nodeRoom(node, []))
      t.strictSame(grown, nodeRoom(node, all))
    }),
    { numRuns: 50 },
  )
})
