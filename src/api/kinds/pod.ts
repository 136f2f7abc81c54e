import { podCauses } from '../pods/pod-causes.ts'
import { podDefaults } from '../pods/pod-defaults.ts'
import { podCells, podColumns } from '../pods/pod-row.ts'
import { podWarnings } from '../pods/pod-warnings.ts'
import type { Pod } from '../types.ts'
import { aKind } from './a-kind.ts'

export const podKind = aKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'log', 'eviction', 'binding', 'exec', 'attach', 'portforward', 'proxy'],
  defaults: podDefaults,
  validate: podCauses,
  warnings: pod => (pod.spec === undefined ? [] : podWarnings(pod.spec, 'spec')),
  selectableFields: pod => ({
    'spec.nodeName': pod.spec?.nodeName ?? '',
    'spec.restartPolicy': pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': String(pod.spec?.hostNetwork ?? false),
    'status.phase': pod.status?.phase ?? '',
    'status.podIP': pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': pod.status?.nominatedNodeName ?? '',
  }),
  columns: podColumns,
  cells: podCells,
})
