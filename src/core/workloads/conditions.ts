import { timeText } from './pod-facts.ts'

/** What Deployment, ReplicaSet, DaemonSet, Node and Pod conditions have in common. */
export interface AnyCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

/**
 * The list with `condition` in it, in its place. `lastTransitionTime` moves only when the status changes;
 * the very same list where nothing changed, so that no write follows.
 *
 * @example withCondition(status.conditions, { type: 'Available', status: 'True' }, now)
 */
export const withCondition = <C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  condition: C,
  now: number,
): readonly C[] => {
  const list = conditions ?? []
  const before = list.find(one => one.type === condition.type)
  if (before === undefined) return [...list, { ...condition, lastTransitionTime: timeText(now) }]
  if (before.status === condition.status && before.reason === condition.reason && before.message === condition.message)
    return list
  const lastTransitionTime =
    before.status === condition.status ? (before.lastTransitionTime ?? timeText(now)) : timeText(now)
  return list.map(one => (one === before ? { ...before, ...condition, lastTransitionTime } : one))
}

/** The list without the condition of this type; the very same list where it was not there. */
export const withoutCondition = <C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] => {
  const list = conditions ?? []
  return list.some(one => one.type === type) ? list.filter(one => one.type !== type) : list
}
