import t from 'tap'
import type { DaemonSet, Node, Pod } from '../../../src/api/types.ts'
import { withCondition } from '../../../src/core/workloads/conditions.ts'
import { nodeOfDaemonPod } from '../../../src/core/workloads/daemon-pod.ts'
import { planDaemonSet } from '../../../src/core/workloads/daemon-set.ts'
import { isReady, isTerminating } from '../../../src/core/workloads/pod-facts.ts'
import fc from '../../support/fast-check.ts'

/** A DaemonSet, nodes and pods as values; each pod is bound and named by the world, as scheduler and API would. */
class Daemons {
  daemonSet: DaemonSet
  nodes: Node[]
  pods: Pod[] = []
  now = Date.parse('2026-01-02T03:04:05Z')
  #made = 0

  constructor(names: readonly string[], updateStrategy: NonNullable<DaemonSet['spec']>['updateStrategy']) {
    this.nodes = names.map(aNode)
    this.daemonSet = {
      metadata: { name: 'agent', namespace: 'default', uid: 'ds' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: template('agent:0'),
        ...(updateStrategy && { updateStrategy }),
      },
    }
  }

  setImage(image: string): void {
    this.daemonSet = { ...this.daemonSet, spec: { ...this.daemonSet.spec!, template: template(image) } }
  }

  setNodeReady(name: string | undefined, status: string): void {
    this.nodes = this.nodes.map(node =>
      node.metadata.name === name ? { ...node, status: { conditions: [{ type: 'Ready', status }] } } : node,
    )
  }

  /** Runs the plan. `onDelete` sees each pod that it takes. */
  run(onDelete: (pod: Pod) => void = () => {}): number {
    const plan = planDaemonSet({ daemonSet: this.daemonSet, nodes: this.nodes, pods: this.pods, now: this.now })
    for (const step of plan.actions) {
      if (step.action === 'createPod') {
        this.#made += 1
        const metadata = {
          ...step.pod.metadata,
          name: `pod-${this.#made}`,
          uid: `pod-${this.#made}`,
          creationTimestamp: new Date(this.now + this.#made).toISOString(),
        }
        this.pods.push({
          ...step.pod,
          metadata,
          spec: { ...step.pod.spec!, nodeName: step.node },
          status: { phase: 'Pending' },
        })
      } else if (step.action === 'deletePod') {
        onDelete(step.pod)
        const marked = {
          ...step.pod,
          metadata: { ...step.pod.metadata, deletionTimestamp: new Date(this.now).toISOString() },
        }
        this.pods = this.pods.map(pod => (pod === step.pod ? marked : pod))
      }
    }
    this.daemonSet = { ...this.daemonSet, status: plan.status }
    return plan.actions.length
  }

  setReady(pod: Pod, status: string): void {
    const conditions = withCondition(pod.status?.conditions, { type: 'Ready', status }, this.now)
    this.pods = this.pods.map(one => (one === pod ? { ...one, status: { phase: 'Running', conditions } } : one))
  }

  settle(): boolean {
    for (let round = 0; round < 100; round += 1) {
      this.pods = this.pods.filter(pod => !isTerminating(pod))
      for (const pod of this.pods) if (!isReady(pod)) this.setReady(pod, 'True')
      if (this.run() === 0 && this.pods.every(pod => isReady(pod) && !isTerminating(pod))) return true
    }
    return false
  }
}

const aNode = (name: string): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
})
const template = (image: string) => ({
  metadata: { labels: { app: 'agent' } },
  spec: { containers: [{ name: 'agent', image }] },
})

const names = ['a', 'b', 'c', 'd', 'e']
const happenings = fc.array(
  fc.tuple(
    fc.constantFrom('run', 'run', 'image', 'ready', 'fail', 'gone', 'lost', 'found', 'leaves', 'comes'),
    fc.nat(30),
  ),
  { maxLength: 50 },
)
const strategies = fc.constantFrom(
  undefined,
  { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } },
  { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '40%' } },
  { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
)

const happen = (world: Daemons, what: string, number: number): void => {
  const pod = world.pods[number % Math.max(1, world.pods.length)]
  const name = names[number % names.length]
  if (what === 'run') world.run()
  else if (what === 'image') world.setImage(`agent:${number % 4}`)
  else if (what === 'lost') world.setNodeReady(name, 'Unknown')
  else if (what === 'found') world.setNodeReady(name, 'True')
  else if (what === 'leaves') world.nodes = world.nodes.filter(node => node.metadata.name !== name)
  else if (what === 'comes' && !world.nodes.some(node => node.metadata.name === name))
    world.nodes.push(aNode(name ?? ''))
  else if (pod !== undefined && what === 'ready') world.setReady(pod, 'True')
  else if (pod !== undefined && what === 'fail') world.setReady(pod, 'False')
  else if (pod !== undefined && what === 'gone') world.pods = world.pods.filter(one => one !== pod)
}

t.test('from any world a DaemonSet comes to one pod of its template on every node, and to rest', async () => {
  fc.assert(
    fc.property(strategies, happenings, (strategy, happened) => {
      const world = new Daemons(names, strategy)
      for (const [what, number] of happened) happen(world, what, number)
      for (const name of names) world.setNodeReady(name, 'True')
      if (!world.settle()) return false
      const image = world.daemonSet.spec?.template.spec?.containers[0]?.image
      const placed = world.pods.map(pod => `${nodeOfDaemonPod(pod)} ${pod.spec?.containers[0]?.image}`)
      const wanted = world.nodes.map(node => `${node.metadata.name} ${image}`)
      return (
        placed.toSorted().join() === wanted.toSorted().join() &&
        world.daemonSet.status?.numberAvailable === wanted.length
      )
    }),
    { numRuns: 300 },
  )
})

t.test('an update takes no available pod where more than maxUnavailable would be missing', async () => {
  const calm = fc.array(fc.tuple(fc.constantFrom('run', 'image', 'ready', 'gone'), fc.nat(30)), { maxLength: 80 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), calm, (maxUnavailable, happened) => {
      const world = new Daemons(names, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable } })
      world.settle()
      let fewest = names.length
      for (const [what, number] of happened) {
        if (what === 'run') {
          let left = world.pods.filter(pod => isReady(pod) && !isTerminating(pod)).length
          world.run(taken => {
            if (isReady(taken)) left -= 1
          })
          fewest = Math.min(fewest, left)
        } else if (what === 'gone') world.pods = world.pods.filter(pod => !isTerminating(pod))
        else happen(world, what, number)
      }
      return fewest >= names.length - maxUnavailable
    }),
    { numRuns: 300 },
  )
})
