import { kindNamed } from '../../api/kinds.ts'
import type { KubeObject, Service } from '../../api/types.ts'
import type { ServiceRanges } from '../../core/services/allocate.ts'
import { allocateService, takenBy } from '../../core/services/allocate.ts'
import { keyOf, nameOf } from '../../core/workloads/pod-facts.ts'
import type { Objects } from '../objects.ts'
import type { Admission } from '../ports.ts'
import { invalid } from '../store/object-names.ts'

export const defaultServiceRanges: ServiceRanges = {
  serviceCIDR: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  firstNodePort: 30_000,
  lastNodePort: 32_767,
}

/**
 * What only the hub can fill in, because it depends on all other objects: a Service's cluster address and node ports.
 *
 * @example restServer({ admission: admissionWith({ ...defaultServiceRanges, serviceCIDR: '10.97.0.0/16' }) })
 */
export const admissionWith = (ranges: ServiceRanges): Admission => ({
  Service: (object, before, objects) => admitService(object, before, objects, ranges),
})

export const admission: Admission = admissionWith(defaultServiceRanges)

const admitService = (
  object: KubeObject,
  before: KubeObject | undefined,
  objects: Objects,
  ranges: ServiceRanges,
): KubeObject => {
  const service: Service = object
  const others = objects.list<Service>('Service').filter(one => before === undefined || keyOf(one) !== keyOf(before))
  const decision = allocateService({ service, before, ranges, taken: takenBy(others) })
  if (decision.action === 'refuse') throw invalid(kindNamed('Service'), nameOf(service), decision.causes)
  return { ...service, spec: decision.spec } as KubeObject
}
