import { immutable, notNegative } from '../causes.ts'
import { isEqual } from '../equal.ts'
import { podTemplateDefaults } from '../pods/pod-defaults.ts'
import { workloadCauses } from '../pods/pod-template-causes.ts'
import { podWarnings } from '../pods/pod-warnings.ts'
import type { ReplicaSet } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'
import { workloadCells, workloadColumns } from './workload-cells.ts'

export const replicaSetKind = aKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  defaults: set =>
    set.spec === undefined
      ? set
      : {
          ...set,
          spec: {
            ...set.spec,
            replicas: set.spec.replicas ?? 1,
            ...(set.spec.template === undefined ? {} : { template: podTemplateDefaults(set.spec.template) }),
          },
        },
  validate: (set, before) => [
    ...notNegative('spec.replicas', set.spec?.replicas),
    ...notNegative('spec.minReadySeconds', set.spec?.minReadySeconds),
    ...workloadCauses(set.spec?.selector, set.spec?.template),
    ...(before !== undefined && !isEqual(set.spec?.selector, before.spec?.selector)
      ? [immutable('spec.selector', set.spec?.selector)]
      : []),
  ],
  warnings: set =>
    set.spec?.template?.spec === undefined ? [] : podWarnings(set.spec.template.spec, 'spec.template.spec'),
  selectableFields: set => ({ 'status.replicas': String(set.status?.replicas ?? 0) }),
  columns: [
    nameColumn,
    column('Desired', 'Replicas is the number of desired pods.', 'integer'),
    column('Current', 'Replicas is the most recently observed number of non-terminating pods.', 'integer'),
    column(
      'Ready',
      'The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition.',
      'integer',
    ),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (set, now) => [
    nameOf(set),
    set.spec?.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    age(set, now),
    ...workloadCells(set.spec?.template, set.spec?.selector),
  ],
})
