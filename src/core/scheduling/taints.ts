import type { Taint, Toleration } from '../../api/types.ts'

/** Whether this toleration tolerates this taint (k8s: Toleration.ToleratesTaint). */
export const tolerates = (toleration: Toleration, taint: Taint): boolean => {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false
  if ((toleration.key ?? '') !== '' && toleration.key !== taint.key) return false
  if (toleration.operator === 'Exists') return true
  return (toleration.key ?? '') !== '' && (toleration.value ?? '') === (taint.value ?? '')
}

export const isTolerated = (taint: Taint, tolerations: readonly Toleration[] | undefined): boolean =>
  (tolerations ?? []).some(one => tolerates(one, taint))

/** The first taint with one of the effects that nothing tolerates. */
export const untolerated = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined => (taints ?? []).find(taint => effects.includes(taint.effect) && !isTolerated(taint, tolerations))

/**
 * When (ms) the pod has to leave for the node's NoExecute taints: the end of the shortest toleration, at once where one
 * is not tolerated at all, never (undefined) where all are tolerated for ever. k8s: taint-eviction controller
 *
 * @example leavesAtMs(node.spec.taints, pod.spec.tolerations, () => lostSinceMs)
 */
export const leavesAtMs = (
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  since: (taint: Taint) => number,
): number | undefined => {
  const times = (taints ?? [])
    .filter(taint => taint.effect === 'NoExecute')
    .map(taint => endOf(taint, tolerations ?? [], since(taint)))
    .filter(at => at !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

const endOf = (taint: Taint, tolerations: readonly Toleration[], since: number): number | undefined => {
  const fitting = tolerations.filter(one => tolerates(one, taint))
  if (fitting.length === 0) return since
  const limits = fitting.map(one => one.tolerationSeconds).filter(seconds => seconds !== undefined)
  return limits.length === 0 ? undefined : since + Math.max(0, Math.min(...limits)) * 1000
}
