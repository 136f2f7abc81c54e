import type { Deployment, ObjectMeta, ReplicaSet } from '../../api/types.ts'
import { nameOf, timeMs } from './pod-facts.ts'
import { ownedBy } from './pod-from-template.ts'
import { fenceposts } from './resolve-percent.ts'
import { sameTemplate, templateHash, templateHashLabel } from './template-hash.ts'

const prefix = 'deployment.kubernetes.io/'
export const revisionAnnotation = `${prefix}revision`
export const historyAnnotation = `${prefix}revision-history`
export const desiredAnnotation = `${prefix}desired-replicas`
export const maxAnnotation = `${prefix}max-replicas`

/** Annotations that are the Deployment's own and not its ReplicaSets'. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
])

/** Oldest first, then by name. */
export const byAge = (replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] =>
  replicaSets.toSorted(
    (a, b) =>
      (timeMs(a.metadata.creationTimestamp) ?? 0) - (timeMs(b.metadata.creationTimestamp) ?? 0) ||
      (nameOf(a) < nameOf(b) ? -1 : 1),
  )

export const revisionOf = (object: { readonly metadata: ObjectMeta }): number => {
  const text = object.metadata.annotations?.[revisionAnnotation]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** The oldest ReplicaSet whose template is the Deployment's, or undefined where one must be made. */
export const newReplicaSetOf = (deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  byAge(replicaSets).find(one => sameTemplate(one.spec?.template, deployment.spec?.template))

/** The revision that the current template has: one above all old ones. */
export const nextRevision = (old: readonly ReplicaSet[]): number => Math.max(0, ...old.map(revisionOf)) + 1

/** A ReplicaSet for the Deployment's current template, with `replicas` pods. */
export const makeReplicaSet = (deployment: Deployment, replicas: number, revision: number): ReplicaSet => {
  const template = deployment.spec?.template ?? {}
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash }
  const selector = deployment.spec?.selector ?? {}
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${nameOf(deployment)}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations: annotationsFor(deployment, undefined, revision),
      ownerReferences: [ownedBy(deployment, 'apps/v1', 'Deployment')],
    },
    spec: {
      replicas,
      minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

/** The annotations that the newest ReplicaSet carries. A revision that came back remembers its former numbers. */
export const annotationsFor = (
  deployment: Deployment,
  replicaSet: ReplicaSet | undefined,
  revision: number,
): { readonly [key: string]: string } => {
  const before = replicaSet?.metadata.annotations ?? {}
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key))
  const former = replicaSet === undefined ? 0 : revisionOf(replicaSet)
  const isNewer = revision > former
  const history = [before[historyAnnotation], `${former}`].filter(part => part !== undefined && part !== '')
  return {
    ...before,
    ...Object.fromEntries(copied),
    ...sizeAnnotations(deployment),
    [revisionAnnotation]: String(isNewer ? revision : former),
    ...(isNewer && former > 0 ? { [historyAnnotation]: history.join(',') } : {}),
  }
}

/** What a scaled ReplicaSet says of the Deployment's size, so that a later change of size is told from a roll-out. */
export const sizeAnnotations = (deployment: Deployment): { readonly [key: string]: string } => {
  const replicas = deployment.spec?.replicas ?? 1
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(replicas + fenceposts(deployment).maxSurge) }
}

/** Old ReplicaSets beyond `revisionHistoryLimit`, lowest revision first. Only empty ones whose status is true go. */
export const outOfHistory = (deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] => {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10
  const idle = byAge(old).filter(one => one.metadata.deletionTimestamp === undefined)
  return idle
    .toSorted((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, Math.max(0, idle.length - limit))
    .filter(
      one =>
        one.spec?.replicas === 0 &&
        (one.status?.replicas ?? 0) === 0 &&
        (one.metadata.generation ?? 0) <= (one.status?.observedGeneration ?? 0),
    )
}
