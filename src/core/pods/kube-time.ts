/**
 * A time as Kubernetes writes it: RFC 3339, UTC, whole seconds (k8s: metav1.Time). What is no time stays absent.
 *
 * @example kubeTime('2026-01-02T04:04:05.678+01:00') // '2026-01-02T03:04:05Z'
 */
export const kubeTime = (time: string | number | undefined): string | undefined => {
  if (time === undefined) return undefined
  const at = new Date(time)
  return Number.isNaN(at.getTime()) ? undefined : `${at.toISOString().slice(0, 19)}Z`
}
