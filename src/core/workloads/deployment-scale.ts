import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { byAge, desiredAnnotation, maxAnnotation } from './deployment-revisions.ts'
import { uidOf } from './pod-facts.ts'
import { fenceposts } from './resolve-percent.ts'

/** ReplicaSet uid -> how many replicas it shall have. Only those that change. */
export type Sizes = ReadonlyMap<string, number>

const sizeOf = (replicaSet: ReplicaSet): number => replicaSet.spec?.replicas ?? 0
const availableOf = (replicaSet: ReplicaSet | undefined): number =>
  Math.min(replicaSet?.status?.availableReplicas ?? 0, replicaSet === undefined ? 0 : sizeOf(replicaSet))
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** How many replicas the newest ReplicaSet may have now, `current` being what it has. k8s: NewRSNewReplicas */
export const newSize = (deployment: Deployment, old: readonly ReplicaSet[], current: number): number => {
  const replicas = deployment.spec?.replicas ?? 1
  if (deployment.spec?.strategy?.type === 'Recreate' || current >= replicas) return replicas
  const room = replicas + fenceposts(deployment).maxSurge - sum(old.map(sizeOf)) - current
  return room <= 0 ? current : current + Math.min(room, replicas - current)
}

/**
 * How far the old ReplicaSets go down now (k8s: reconcileOldReplicaSets). Never below `replicas - maxUnavailable`
 * available pods: first those that are not available anyway, then as many available ones as new ones have replaced.
 *
 * @example shrinkOld(deployment, old, newest).get(uid) // 2, where it had 3
 */
export const shrinkOld = (deployment: Deployment, old: readonly ReplicaSet[], newest: ReplicaSet): Sizes => {
  const sizes = new Map<string, number>()
  const replicas = deployment.spec?.replicas ?? 1
  const minAvailable = replicas - fenceposts(deployment).maxUnavailable
  const all = sum(old.map(sizeOf)) + sizeOf(newest)
  const newUnavailable = sizeOf(newest) - availableOf(newest)
  let spare = all - minAvailable - newUnavailable
  const now = (one: ReplicaSet): number => sizes.get(uidOf(one)) ?? sizeOf(one)
  for (const one of byAge(old)) {
    const unavailable = sizeOf(one) - availableOf(one)
    const down = Math.min(unavailable, Math.max(0, spare))
    if (down === 0) continue
    sizes.set(uidOf(one), sizeOf(one) - down)
    spare -= down
  }
  let tooMany = sum(old.map(availableOf)) + availableOf(newest) - minAvailable
  for (const one of byAge(old)) {
    const down = Math.min(now(one), Math.max(0, tooMany), Math.max(0, spare))
    if (down === 0) continue
    sizes.set(uidOf(one), now(one) - down)
    tooMany -= down
    spare -= down
  }
  return sizes
}

/** Whether the Deployment's size changed since its ReplicaSets were last scaled. k8s: isScalingEvent */
export const isResized = (deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean =>
  replicaSets.some(one => {
    const desired = one.metadata.annotations?.[desiredAnnotation]
    return sizeOf(one) > 0 && desired !== undefined && Number(desired) !== (deployment.spec?.replicas ?? 1)
  })

/**
 * The sizes after a change of `replicas` in the middle of a roll-out, or while paused (k8s: scale): one active
 * ReplicaSet takes it all; several share the change in proportion to what they have.
 */
export const resize = (deployment: Deployment, old: readonly ReplicaSet[], newest: ReplicaSet | undefined): Sizes => {
  const replicas = deployment.spec?.replicas ?? 1
  const all = newest === undefined ? old : [...old, newest]
  const active = all.filter(one => sizeOf(one) > 0)
  const latest = newest ?? byAge(old).at(-1)
  const only = active.length === 0 ? latest : active.length === 1 ? active[0] : undefined
  if (only !== undefined) return changed([[only, replicas]])
  if (newest !== undefined && sizeOf(newest) === replicas && availableOf(newest) === replicas)
    return changed(old.map(one => [one, 0]))
  if (deployment.spec?.strategy?.type === 'Recreate') return new Map()
  return changed(shares(deployment, active))
}

const changed = (sizes: readonly (readonly [ReplicaSet, number])[]): Sizes =>
  new Map(sizes.filter(([one, size]) => sizeOf(one) !== size).map(([one, size]) => [uidOf(one), size]))

const shares = (deployment: Deployment, active: readonly ReplicaSet[]): readonly (readonly [ReplicaSet, number])[] => {
  const replicas = deployment.spec?.replicas ?? 1
  const allowed = replicas > 0 ? replicas + fenceposts(deployment).maxSurge : 0
  const toAdd = allowed - sum(active.map(sizeOf))
  const aged = toAdd > 0 ? byAge(active).toReversed() : byAge(active)
  const ordered = aged.toSorted((a, b) => sizeOf(b) - sizeOf(a))
  let added = 0
  const sizes = ordered.map((one): readonly [ReplicaSet, number] => {
    const left = toAdd - added
    const share = proportion(one, allowed)
    const part = toAdd > 0 ? Math.min(share, left) : Math.max(share, left)
    if (toAdd === 0) return [one, sizeOf(one)]
    added += part
    return [one, sizeOf(one) + part]
  })
  const [first, ...rest] = sizes
  return first === undefined ? [] : [[first[0], Math.max(0, first[1] + toAdd - added)], ...rest]
}

const proportion = (one: ReplicaSet, allowed: number): number => {
  const before = Number(one.metadata.annotations?.[maxAnnotation] ?? Number.NaN)
  const whole = Number.isFinite(before) && before > 0 ? before : allowed
  return Math.round((sizeOf(one) * allowed) / whole) - sizeOf(one)
}
