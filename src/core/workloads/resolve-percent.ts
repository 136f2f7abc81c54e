import type { Deployment, IntOrString } from '../../api/types.ts'

/**
 * A number of pods, given as such or as a percentage of `total`.
 * @example resolvePercent('25%', 10, 'up') // 3
 */
export const resolvePercent = (value: IntOrString | undefined, total: number, round: 'up' | 'down'): number => {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  const match = /^(\d{1,9})(%?)$/.exec(value)
  if (match === null) return 0
  const number = Number(match[1])
  if (match[2] === '') return number
  return round === 'up' ? Math.ceil((number * total) / 100) : Math.floor((number * total) / 100)
}

/** How far a rolling update may go above and below `replicas`. Never both zero. k8s: ResolveFenceposts */
export const fenceposts = (deployment: Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } => {
  const replicas = deployment.spec?.replicas ?? 1
  if (deployment.spec?.strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas }
  const rolling = deployment.spec?.strategy?.rollingUpdate
  const maxSurge = resolvePercent(rolling?.maxSurge ?? '25%', replicas, 'up')
  const maxUnavailable = Math.min(resolvePercent(rolling?.maxUnavailable ?? '25%', replicas, 'down'), replicas)
  return maxSurge === 0 && maxUnavailable === 0
    ? { maxSurge, maxUnavailable: Math.min(1, replicas) }
    : { maxSurge, maxUnavailable }
}
