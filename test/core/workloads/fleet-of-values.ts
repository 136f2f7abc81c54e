import type { Deployment, Pod, ReplicaSet } from '../../../src/api/types.ts'
import { withCondition } from '../../../src/core/workloads/conditions.ts'
import { planDeployment } from '../../../src/core/workloads/deployment.ts'
import { revisionAnnotation } from '../../../src/core/workloads/deployment-revisions.ts'
import {
  controllerOf,
  isActive,
  isAvailable,
  isReady,
  isTerminating,
  nameOf,
  uidOf,
} from '../../../src/core/workloads/pod-facts.ts'
import { planReplicaSet } from '../../../src/core/workloads/replica-set.ts'

/**
 * A Deployment, its ReplicaSets and their pods as plain values, with the two planners as the only ones that act.
 * Each method is one thing that may happen next; what it did is told in sentences.
 */
export class FleetOfValues {
  deployment: Deployment
  replicaSets: ReplicaSet[] = []
  pods: Pod[] = []
  now = Date.parse('2026-01-02T03:04:05Z')
  #made = 0
  readonly #podName: () => string

  constructor(deployment: Deployment) {
    this.deployment = deployment
    this.#podName = () => {
      this.#made += 1
      return String(this.#made)
    }
  }

  get available(): number {
    const seconds = this.deployment.spec?.minReadySeconds ?? 0
    return this.pods.filter(pod => isActive(pod) && isAvailable(pod, seconds, this.now)).length
  }

  change(spec: Partial<NonNullable<Deployment['spec']>>): void {
    const { metadata } = this.deployment
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation: (metadata.generation ?? 1) + 1 },
      spec: { ...this.deployment.spec!, ...spec },
    }
  }

  setImage(image: string): void {
    const { template } = this.deployment.spec!
    this.change({ template: { ...template, spec: { ...template.spec, containers: [{ name: 'web', image }] } } })
  }

  /** The Deployment's controller runs once. */
  runDeployment(): readonly string[] {
    const plan = planDeployment({
      deployment: this.deployment,
      replicaSets: this.replicaSets,
      podsOf: one => this.pods.filter(pod => controllerOf(pod)?.uid === uidOf(one)),
      now: this.now,
    })
    const told: string[] = []
    for (const step of plan.actions) {
      switch (step.action) {
        case 'createReplicaSet': {
          const uid = `uid-of-${nameOf(step.replicaSet)}`
          const creationTimestamp = new Date(this.now + this.replicaSets.length * 1000).toISOString()
          const metadata = { ...step.replicaSet.metadata, uid, creationTimestamp, generation: 1 }
          this.replicaSets.push({ ...step.replicaSet, metadata })
          told.push(`make a replica set of ${imageOf(step.replicaSet)} with ${step.replicaSet.spec?.replicas}`)
          break
        }
        case 'changeReplicaSet':
          this.replicaSets = this.replicaSets.map(one =>
            uidOf(one) === uidOf(step.replicaSet)
              ? {
                  ...step.replicaSet,
                  metadata: { ...step.replicaSet.metadata, generation: (one.metadata.generation ?? 1) + 1 },
                }
              : one,
          )
          if (step.from !== step.to) told.push(`${imageOf(step.replicaSet)} from ${step.from} to ${step.to}`)
          break
        case 'deleteReplicaSet':
          this.replicaSets = this.replicaSets.filter(one => uidOf(one) !== uidOf(step.replicaSet))
          told.push(`forget ${imageOf(step.replicaSet)}`)
          break
        case 'setRevision': {
          const annotations = { ...this.deployment.metadata.annotations, [revisionAnnotation]: String(step.revision) }
          this.deployment = { ...this.deployment, metadata: { ...this.deployment.metadata, annotations } }
          told.push(`this is revision ${step.revision}`)
          break
        }
        case 'adoptReplicaSet':
        case 'releaseReplicaSet':
          throw new Error('nobody else is here')
      }
    }
    this.deployment = { ...this.deployment, status: plan.status }
    return told
  }

  /** The ReplicaSets' controller runs once for each. Returns what it did; `onDelete` sees every pod that it takes. */
  runReplicaSets(onDelete: (pod: Pod) => void = () => {}): readonly string[] {
    const told: string[] = []
    for (const replicaSet of this.replicaSets) {
      const pods = this.pods.filter(pod => controllerOf(pod)?.uid === uidOf(replicaSet))
      const plan = planReplicaSet({ replicaSet, pods, now: this.now })
      let [made, gone] = [0, 0]
      for (const step of plan.actions) {
        if (step.action === 'createPod') {
          made += 1
          const name = `pod-${this.#podName()}`
          const metadata = {
            ...step.pod.metadata,
            name,
            uid: name,
            creationTimestamp: new Date(this.now).toISOString(),
          }
          this.pods.push({
            ...step.pod,
            metadata,
            spec: { ...step.pod.spec!, nodeName: 'a' },
            status: { phase: 'Pending' },
          })
        } else if (step.action === 'deletePod') {
          gone += 1
          onDelete(step.pod)
          this.pods = this.pods.map(pod => (uidOf(pod) === uidOf(step.pod) ? marked(pod, this.now) : pod))
        }
      }
      if (made > 0) told.push(`${made} more of ${imageOf(replicaSet)}`)
      if (gone > 0) told.push(`${gone} fewer of ${imageOf(replicaSet)}`)
      this.replicaSets = this.replicaSets.map(one =>
        uidOf(one) === uidOf(replicaSet) ? { ...one, status: plan.status } : one,
      )
    }
    return told
  }

  /** Whether ReplicaSets say of themselves what is so: their controller has nothing to say anew. */
  refresh(): void {
    for (const replicaSet of this.replicaSets) {
      const pods = this.pods.filter(pod => controllerOf(pod)?.uid === uidOf(replicaSet))
      const { status } = planReplicaSet({ replicaSet, pods, now: this.now })
      this.replicaSets = this.replicaSets.map(one => (uidOf(one) === uidOf(replicaSet) ? { ...one, status } : one))
    }
  }

  /** The pod's containers run and its probes pass, or not. */
  setReady(pod: Pod, isNowReady: boolean): void {
    const condition = { type: 'Ready', status: isNowReady ? 'True' : 'False' }
    this.pods = this.pods.map(one =>
      uidOf(one) === uidOf(pod)
        ? {
            ...one,
            status: { phase: 'Running', conditions: withCondition(one.status?.conditions, condition, this.now) },
          }
        : one,
    )
  }

  /** All pods become ready, except of images that are called bad; those that were to go are gone. */
  runNodes(): readonly string[] {
    const gone = this.pods.filter(isTerminating).length
    this.pods = this.pods.filter(pod => !isTerminating(pod))
    const waiting = this.pods.filter(pod => !isReady(pod) && !podImage(pod).includes('bad'))
    for (const pod of waiting) this.setReady(pod, true)
    return [
      ...(waiting.length > 0 ? [`${waiting.length} become ready`] : []),
      ...(gone > 0 ? [`${gone} have gone`] : []),
    ]
  }
}

const marked = (pod: Pod, now: number): Pod => ({
  ...pod,
  metadata: {
    ...pod.metadata,
    deletionTimestamp: new Date(now + 30_000).toISOString(),
    deletionGracePeriodSeconds: 30,
  },
})

export const imageOf = (replicaSet: ReplicaSet): string => replicaSet.spec?.template?.spec?.containers[0]?.image ?? ''
export const podImage = (pod: Pod): string => pod.spec?.containers[0]?.image ?? ''

/** A Deployment as values: with uid and generation, as the store would hold it. */
export const aDeploymentValue = (spec: Partial<NonNullable<Deployment['spec']>> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-of-web', generation: 1 },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    ...spec,
  },
})
