import t from 'tap'
import type { Node, Pod } from '../../../src/api/types.ts'
import { isMostlyLost, planEvictions, siteTally } from '../../../src/core/nodes/evictions.ts'
import { nodeRoom } from '../../../src/core/scheduling/node-room.ts'
import fc from '../../support/fast-check.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const lostAt = new Date(now - 3_600_000).toISOString()

const nodeOf = (isUp: boolean, index: number): Node => ({
  metadata: { name: `node-${index}` },
  spec: isUp ? {} : { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: lostAt }] },
  status: {
    allocatable: { cpu: '1', memory: '1Gi' },
    conditions: [{ type: 'Ready', status: isUp ? 'True' : 'Unknown' }],
  },
})

const pods = fc.array(
  fc.record({
    owner: fc.constantFrom('ReplicaSet', 'ReplicaSet', 'DaemonSet', undefined),
    cpu: fc.integer({ min: 100, max: 900 }),
    seconds: fc.option(fc.integer({ min: 0, max: 7_200 })),
    isTied: fc.boolean(),
  }),
  { maxLength: 8 },
)

t.test(
  'from any lost node only those leave whose time is up, who are made anew, and for whom there is room',
  async () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 4 }), pods, fc.nat(7_200), (others, given, lostSeconds) => {
        const fleet = [false, ...others].map(nodeOf)
        const all = given.map(
          ({ owner, cpu, seconds, isTied }, index): Pod => ({
            metadata: {
              name: `pod-${index}`,
              ...(owner && {
                ownerReferences: [{ apiVersion: 'apps/v1', kind: owner, name: 'o', uid: 'o', controller: true }],
              }),
            },
            spec: {
              nodeName: 'node-0',
              containers: [{ name: 'a', resources: { requests: { cpu: `${cpu}m` } } }],
              tolerations: [{ operator: 'Exists', ...(seconds !== null && { tolerationSeconds: seconds }) }],
              ...(isTied && { nodeSelector: { disk: 'ssd' } }),
            },
          }),
        )
        const plan = planEvictions({
          node: fleet[0]!,
          pods: all,
          isSiteLost: isMostlyLost(siteTally(fleet)),
          rooms: () => fleet.map(node => nodeRoom(node, [])),
          lostSinceMs: now - lostSeconds * 1000,
          now,
        })
        const leave = plan.decisions
          .filter(one => one.action === 'evict')
          .map(one => Number(one.pod.metadata.name?.slice(4)))
        const up = others.filter(Boolean).length
        const isSiteGone = (fleet.length - up) * 2 > fleet.length
        const mayLeave = leave.every(index => {
          const pod = given[index]
          return pod?.owner === 'ReplicaSet' && !pod.isTied && pod.seconds !== null && pod.seconds <= lostSeconds
        })
        const cpu = leave.reduce((sum, index) => sum + (given[index]?.cpu ?? 0), 0)
        return mayLeave && cpu <= up * 1000 && (!isSiteGone || leave.length === 0)
      }),
      { numRuns: 500 },
    )
  },
)
