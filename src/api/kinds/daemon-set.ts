import { forbidden, immutable, invalid, notNegative, oneOf, required } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import { podTemplateDefaults } from '../pods/pod-defaults.ts'
import { workloadCauses } from '../pods/pod-template-causes.ts'
import { podWarnings } from '../pods/pod-warnings.ts'
import type { DaemonSet, DaemonSetUpdateStrategy } from '../types.ts'
import { age, ageColumn, aKind, column, labelsText, nameColumn, nameOf } from './a-kind.ts'
import { numberOrPercent, percentCauses } from './number-or-percent.ts'
import { workloadCells, workloadColumns } from './workload-cells.ts'

export const daemonSetKind = aKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  defaults: set =>
    set.spec === undefined
      ? set
      : {
          ...set,
          spec: {
            ...set.spec,
            updateStrategy: strategyDefaults(set.spec.updateStrategy),
            revisionHistoryLimit: set.spec.revisionHistoryLimit ?? 10,
            template: podTemplateDefaults(set.spec.template),
          },
        },
  validate: (set, before) => [
    ...notNegative('spec.minReadySeconds', set.spec?.minReadySeconds),
    ...notNegative('spec.revisionHistoryLimit', set.spec?.revisionHistoryLimit),
    ...strategyCauses(set.spec?.updateStrategy),
    ...workloadCauses(set.spec?.selector, set.spec?.template),
    ...(before !== undefined && !isEqual(set.spec?.selector, before.spec?.selector)
      ? [immutable('spec.selector', set.spec?.selector)]
      : []),
  ],
  warnings: set =>
    set.spec?.template.spec === undefined ? [] : podWarnings(set.spec.template.spec, 'spec.template.spec'),
  columns: [
    nameColumn,
    column(
      'Desired',
      'The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod).',
      'integer',
    ),
    column(
      'Current',
      'The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod.',
      'integer',
    ),
    column(
      'Ready',
      'The number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition.',
      'integer',
    ),
    column('Up-to-date', 'The total number of nodes that are running updated daemon pod', 'integer'),
    column(
      'Available',
      'The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available',
      'integer',
    ),
    column(
      'Node Selector',
      "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node.",
    ),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (set, now) => [
    nameOf(set),
    set.status?.desiredNumberScheduled ?? 0,
    set.status?.currentNumberScheduled ?? 0,
    set.status?.numberReady ?? 0,
    set.status?.updatedNumberScheduled ?? 0,
    set.status?.numberAvailable ?? 0,
    labelsText(set.spec?.template.spec?.nodeSelector),
    age(set, now),
    ...workloadCells(set.spec?.template, set.spec?.selector),
  ],
})

const strategyDefaults = (strategy: DaemonSetUpdateStrategy | undefined): DaemonSetUpdateStrategy => {
  const type = strategy?.type || 'RollingUpdate'
  if (type !== 'RollingUpdate') return { ...strategy, type }
  return { ...strategy, type, rollingUpdate: { maxUnavailable: 1, maxSurge: 0, ...strategy?.rollingUpdate } }
}

const strategyCauses = (strategy: DaemonSetUpdateStrategy | undefined): readonly FaultCause[] => {
  const field = 'spec.updateStrategy.rollingUpdate'
  const rolling = strategy?.rollingUpdate
  if (strategy?.type === 'OnDelete') return []
  if (strategy?.type === 'RollingUpdate' && rolling === undefined) return [required(field)]
  const unavailable = numberOrPercent(rolling?.maxUnavailable)
  const surge = numberOrPercent(rolling?.maxSurge)
  return [
    ...oneOf('spec.updateStrategy.type', strategy?.type, ['RollingUpdate', 'OnDelete']),
    ...percentCauses(`${field}.maxUnavailable`, rolling?.maxUnavailable, 100),
    ...percentCauses(`${field}.maxSurge`, rolling?.maxSurge, 100),
    ...(rolling !== undefined && unavailable === 0 && surge === 0
      ? [invalid(`${field}.maxUnavailable`, rolling.maxUnavailable, 'cannot be 0 when maxSurge is 0')]
      : []),
    ...(unavailable !== undefined && unavailable > 0 && surge !== undefined && surge > 0
      ? [forbidden(`${field}.maxSurge`, 'may not be set when maxUnavailable is non-zero')]
      : []),
  ]
}
