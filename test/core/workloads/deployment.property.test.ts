import t from 'tap'
import { isActive, isAvailable, isReady } from '../../../src/core/workloads/pod-facts.ts'
import { fenceposts } from '../../../src/core/workloads/resolve-percent.ts'
import fc from '../../support/fast-check.ts'
import { aDeploymentValue, FleetOfValues, podImage } from './fleet-of-values.ts'

const size = fc.oneof(fc.nat(4), fc.constantFrom('0%', '25%', '50%', '100%'))

const deployments = fc.record({
  replicas: fc.nat(8),
  minReadySeconds: fc.constantFrom(0, 0, 5),
  strategy: fc.record({
    type: fc.constant('RollingUpdate'),
    rollingUpdate: fc.record({ maxSurge: size, maxUnavailable: size }),
  }),
})

/** What may happen next; which pod is meant follows from the number. */
const happenings = fc.array(
  fc.tuple(
    fc.constantFrom(
      'deployment',
      'replica sets',
      'refresh',
      'ready',
      'gone',
      'image',
      'time',
      'fail',
      'resize',
      'pause',
      'resume',
    ),
    fc.nat(30),
  ),
  { maxLength: 60 },
)

/** Fair rounds until nothing moves any more. Throws where that takes too long. */
const settle = (world: FleetOfValues): void => {
  for (let round = 0; round < 200; round += 1) {
    world.now += 10_000
    const did = [...world.runNodes(), ...world.runDeployment(), ...world.runReplicaSets(), ...world.runDeployment()]
    if (did.length === 0) {
      world.refresh()
      if (world.runDeployment().length === 0) return
    }
  }
  throw new Error('it never comes to rest')
}

t.test('from any world a Deployment comes to what it wants, and to rest', async () => {
  fc.assert(
    fc.property(deployments, happenings, (spec, happened) => {
      const world = new FleetOfValues(aDeploymentValue(spec))
      for (const [what, number] of happened) {
        const pod = world.pods[number % Math.max(1, world.pods.length)]
        if (what === 'deployment') world.runDeployment()
        else if (what === 'replica sets') world.runReplicaSets()
        else if (what === 'refresh') world.refresh()
        else if (what === 'image') world.setImage(`web:${number % 4}`)
        else if (what === 'resize') world.change({ replicas: number % 9 })
        else if (what === 'pause') world.change({ paused: true })
        else if (what === 'resume') world.change({ paused: false })
        else if (what === 'time') world.now += number * 1000
        else if (pod !== undefined && what === 'ready' && isActive(pod)) world.setReady(pod, true)
        else if (pod !== undefined && what === 'fail') world.setReady(pod, false)
        else if (pod !== undefined && what === 'gone') world.pods = world.pods.filter(one => one !== pod)
      }
      world.change({ paused: false })
      settle(world)
      const { replicas = 0, template } = world.deployment.spec ?? {}
      const wanted = template?.spec?.containers[0]?.image
      const right = world.pods.filter(pod => podImage(pod) === wanted && isReady(pod)).length
      const { status } = world.deployment
      return (
        right === replicas &&
        world.pods.length === replicas &&
        status?.updatedReplicas === replicas &&
        status.availableReplicas === replicas &&
        status.observedGeneration === world.deployment.metadata.generation &&
        status.conditions?.find(one => one.type === 'Progressing')?.reason === 'NewReplicaSetAvailable'
      )
    }),
    { numRuns: 300 },
  )
})

t.test('a roll-out never takes an available pod where fewer than replicas - maxUnavailable would be left', async () => {
  const calm = fc.array(
    fc.tuple(fc.constantFrom('deployment', 'replica sets', 'refresh', 'ready', 'image', 'time'), fc.nat(30)),
    { maxLength: 120 },
  )
  fc.assert(
    fc.property(deployments, calm, (spec, happened) => {
      const world = new FleetOfValues(aDeploymentValue(spec))
      settle(world)
      const { replicas = 0, minReadySeconds = 0 } = world.deployment.spec ?? {}
      const least = replicas - fenceposts(world.deployment).maxUnavailable
      let fewest = world.available
      for (const [what, number] of happened) {
        const pod = world.pods[number % Math.max(1, world.pods.length)]
        if (what === 'deployment') world.runDeployment()
        else if (what === 'replica sets') {
          let left = world.available
          world.runReplicaSets(taken => {
            if (isAvailable(taken, minReadySeconds, world.now)) left -= 1
          })
          fewest = Math.min(fewest, left)
        } else if (what === 'refresh') world.refresh()
        else if (what === 'image') world.setImage(`web:${number % 4}`)
        else if (what === 'time') world.now += number * 1000
        else if (pod !== undefined && isActive(pod) && !isReady(pod)) world.setReady(pod, true)
      }
      return fewest >= least
    }),
    { numRuns: 500 },
  )
})

t.test('a roll-out never has more pods than replicas + maxSurge', async () => {
  fc.assert(
    fc.property(deployments, happenings, (spec, happened) => {
      const world = new FleetOfValues(aDeploymentValue(spec))
      settle(world)
      const most = (spec.replicas ?? 0) + fenceposts(world.deployment).maxSurge
      return happened.every(([what, number]) => {
        const pod = world.pods[number % Math.max(1, world.pods.length)]
        if (what === 'deployment') world.runDeployment()
        else if (what === 'replica sets') world.runReplicaSets()
        else if (what === 'image') world.setImage(`web:${number % 4}`)
        else if (what === 'ready' && pod !== undefined) world.setReady(pod, true)
        const wanted = world.replicaSets.reduce((sum, one) => sum + (one.spec?.replicas ?? 0), 0)
        return wanted <= Math.max(most, spec.replicas ?? 0)
      })
    }),
    { numRuns: 300 },
  )
})

t.test('with Recreate no two versions ever run at once', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), happenings, (replicas, happened) => {
      const world = new FleetOfValues(aDeploymentValue({ replicas, strategy: { type: 'Recreate' } }))
      settle(world)
      const isOneVersion = (): boolean => new Set(world.pods.map(podImage)).size <= 1
      const isFine = happened.every(([what, number]) => {
        const pod = world.pods[number % Math.max(1, world.pods.length)]
        if (what === 'deployment') world.runDeployment()
        else if (what === 'replica sets') world.runReplicaSets()
        else if (what === 'refresh') world.refresh()
        else if (what === 'image') world.setImage(`web:${number % 4}`)
        else if (what === 'resize') world.change({ replicas: number % 5 })
        else if (what === 'gone') world.pods = world.pods.filter(one => one !== pod || isActive(one))
        return isOneVersion()
      })
      settle(world)
      return isFine && isOneVersion() && world.pods.length === world.deployment.spec?.replicas
    }),
    { numRuns: 300 },
  )
})
