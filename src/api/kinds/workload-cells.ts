import type { Column } from '../kind.ts'
import { formatSelector, selectorOf } from '../selector.ts'
import type { LabelSelector, PodTemplateSpec } from '../types.ts'
import { orNone, wideColumn } from './a-kind.ts'

/** The last three wide columns of every workload. */
export const workloadColumns: readonly Column[] = [
  wideColumn('Containers', 'Names of each container in the template.'),
  wideColumn('Images', 'Images referenced by each container in the template.'),
  wideColumn('Selector', 'Label selector for pods.'),
]

export const workloadCells = (
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
): readonly string[] => {
  const containers = template?.spec?.containers ?? []
  return [
    containers.map(one => one.name).join(','),
    containers.map(one => one.image ?? '').join(','),
    orNone(formatSelector(selectorOf(selector) ?? [])),
  ]
}
