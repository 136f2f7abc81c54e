import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import { managedBy, managedByLabel, planEndpoints, serviceKeyOfSlice } from '../../core/services/endpoints.ts'
import { keyOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, restFor, runController, unlessGone } from './controller.ts'
import { podsWithLabels } from './indexes.ts'

const by = { fieldManager: 'endpointslice-controller' }

/** Keeps EndpointSlices equal to the pods that each Service selects. */
export const endpointsController = (parts: ControllerParts): Controller => {
  const { objects, indexes } = parts

  const run = async (key: string): Promise<undefined> => {
    const service = objects.get<Service>('Service', keyParts(key))
    // Slices of a Service that is gone go with it, by their owner reference.
    if (service === undefined) return undefined
    const slices = indexes.slicesByService.of(key).filter(one => one.metadata.labels?.[managedByLabel] === managedBy)
    const pods = podsWithLabels(indexes, service.metadata.namespace ?? '', service.spec?.selector ?? {})
    for (const step of planEndpoints({ service, pods, slices })) {
      if (step.action === 'createSlice') await objects.create<EndpointSlice>('EndpointSlice', step.slice, by)
      else if (step.action === 'updateSlice') await objects.update<EndpointSlice>('EndpointSlice', step.slice, by)
      else await unlessGone(objects.delete('EndpointSlice', keyParts(keyOf(step.slice))))
    }
    return undefined
  }

  return runController({
    name: 'endpoints',
    parts,
    run,
    restMs: key => restFor(endpointsIn(indexes.slicesByService.of(key))),
    listen: queue => {
      for (const service of objects.list<Service>('Service')) queue.add(keyOf(service))
      const addServicesOf = (pod: Pod | undefined): void => {
        if (pod === undefined) return
        for (const service of indexes.servicesByNamespace.of(pod.metadata.namespace ?? '')) {
          if (selects(service, pod)) queue.add(keyOf(service))
        }
      }
      return [
        objects.onChange<Service>('Service', ({ namespace, name }) => queue.add(`${namespace}/${name}`)),
        objects.onChange<EndpointSlice>('EndpointSlice', (_key, now, before) => {
          for (const slice of [now, before]) {
            const key = slice === undefined ? undefined : serviceKeyOfSlice(slice)
            if (key !== undefined) queue.add(key)
          }
        }),
        objects.onChange<Pod>('Pod', (_key, now, before) => {
          addServicesOf(now)
          if (now?.metadata.labels !== before?.metadata.labels) addServicesOf(before)
        }),
      ]
    },
  })
}

const endpointsIn = (slices: readonly EndpointSlice[]): number =>
  slices.reduce((sum, slice) => sum + (slice.endpoints?.length ?? 0), 0)

const selects = (service: Service, pod: Pod): boolean => {
  const wanted = Object.entries(service.spec?.selector ?? {})
  return wanted.length > 0 && wanted.every(([key, value]) => pod.metadata.labels?.[key] === value)
}
