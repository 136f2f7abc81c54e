import { tryParseQuantity } from '../../api/quantity.ts'
import type { Container, Pod } from '../../api/types.ts'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** k8s: GetPodQOS. Guaranteed: limits of CPU and memory everywhere, and requests equal to them; BestEffort: none at all. */
export const qosClass = (pod: Pod): QosClass => {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  if (all.every(one => !isAnySet(one))) return 'BestEffort'
  return all.every(isGuaranteed) ? 'Guaranteed' : 'Burstable'
}

const counted = ['cpu', 'memory'] as const

const amount = (of: { readonly [resource: string]: string } | undefined, resource: string): bigint | undefined => {
  const text = of?.[resource]
  return text === undefined ? undefined : tryParseQuantity(String(text))
}

const isAnySet = (one: Container): boolean =>
  counted.some(
    resource =>
      (amount(one.resources?.requests, resource) ?? 0n) > 0n || (amount(one.resources?.limits, resource) ?? 0n) > 0n,
  )

const isGuaranteed = (one: Container): boolean =>
  counted.every(resource => {
    const limit = amount(one.resources?.limits, resource) ?? 0n
    return limit > 0n && (amount(one.resources?.requests, resource) ?? limit) === limit
  })
