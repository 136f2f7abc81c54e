import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import { type Cause, cause, type Explanation } from './cause.ts'

/**
 * Explains a Service that does not answer: selector, pods, ports, endpoints. `pods` are those of its namespace that its
 * selector matches, each with its own explanation.
 */
export const whyService = (of: {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
  readonly pods: readonly { readonly pod: Pod; readonly explanation: Explanation }[]
}): Explanation => {
  const { service } = of
  const name = `${service.metadata.namespace ?? ''}/${service.metadata.name ?? ''}`
  if (service.spec?.type === 'ExternalName')
    return { isWell: true, says: `service ${name} is a name for ${service.spec.externalName ?? ''}`, causes: [] }
  const endpoints = of.slices.flatMap(slice => slice.endpoints ?? [])
  const ready = endpoints.filter(one => one.conditions?.ready !== false)
  const troubled = of.pods.filter(one => !one.explanation.isWell)
  if (ready.length > 0 && troubled.length === 0)
    return {
      isWell: true,
      says: `service ${name} is well: ${ready.length} ready endpoint${ready.length === 1 ? '' : 's'}`,
      causes: [],
    }
  const podCauses = troubled.slice(0, 5).map(one => cause(one.explanation.says, one.explanation.causes))
  if (ready.length > 0)
    return {
      isWell: false,
      says: `service ${name} answers, by ${ready.length} of ${of.pods.length} pods`,
      causes: podCauses,
    }
  return {
    isWell: false,
    says: `service ${name} has no ready endpoint: connections are refused`,
    causes: emptiness(of, podCauses),
  }
}

const emptiness = (
  of: { readonly service: Service; readonly pods: readonly unknown[] },
  podCauses: readonly Cause[],
): readonly Cause[] => {
  const selector = Object.entries(of.service.spec?.selector ?? {})
  if (selector.length === 0) return [cause('it has no selector, and nobody has made an EndpointSlice for it')]
  if (of.pods.length === 0) {
    const text = selector.map(([key, value]) => `${key}=${value}`).join(',')
    return [
      cause(
        `no pod of its namespace has the labels ${text}`,
        [],
        `compare with "dunlin get pods --selector ${text}" and the labels of the pod template`,
      ),
    ]
  }
  if (podCauses.length > 0) return podCauses
  return [
    cause(
      'its pods are ready, but none has the port that targetPort names',
      [],
      'compare targetPort with the names of the containers’ ports',
    ),
  ]
}
