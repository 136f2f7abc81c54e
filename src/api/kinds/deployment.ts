import { immutable, invalid, notNegative, oneOf } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import { podTemplateDefaults } from '../pods/pod-defaults.ts'
import { workloadCauses } from '../pods/pod-template-causes.ts'
import { podWarnings } from '../pods/pod-warnings.ts'
import type { Deployment, DeploymentStrategy } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf } from './a-kind.ts'
import { numberOrPercent, percentCauses } from './number-or-percent.ts'
import { workloadCells, workloadColumns } from './workload-cells.ts'

export const deploymentKind = aKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  defaults: deployment =>
    deployment.spec === undefined
      ? deployment
      : {
          ...deployment,
          spec: {
            ...deployment.spec,
            replicas: deployment.spec.replicas ?? 1,
            strategy: strategyDefaults(deployment.spec.strategy),
            revisionHistoryLimit: deployment.spec.revisionHistoryLimit ?? 10,
            progressDeadlineSeconds: deployment.spec.progressDeadlineSeconds ?? 600,
            template: podTemplateDefaults(deployment.spec.template),
          },
        },
  validate: deploymentCauses,
  warnings: deployment =>
    deployment.spec?.template.spec === undefined
      ? []
      : podWarnings(deployment.spec.template.spec, 'spec.template.spec'),
  columns: [
    nameColumn,
    column('Ready', 'Number of the pod with ready state'),
    column(
      'Up-to-date',
      'Total number of non-terminated pods targeted by this deployment that have the desired template spec.',
      'integer',
    ),
    column(
      'Available',
      'Total number of available pods (ready for at least minReadySeconds) targeted by this deployment.',
      'integer',
    ),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (deployment, now) => [
    nameOf(deployment),
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 0}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    age(deployment, now),
    ...workloadCells(deployment.spec?.template, deployment.spec?.selector),
  ],
})

const strategyDefaults = (strategy: DeploymentStrategy | undefined): DeploymentStrategy => {
  const type = strategy?.type || 'RollingUpdate'
  if (type !== 'RollingUpdate') return { ...strategy, type }
  return { ...strategy, type, rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%', ...strategy?.rollingUpdate } }
}

function deploymentCauses(deployment: Deployment, before: Deployment | undefined): readonly FaultCause[] {
  const { spec } = deployment
  const deadline = spec?.progressDeadlineSeconds
  return [
    ...notNegative('spec.replicas', spec?.replicas),
    ...notNegative('spec.minReadySeconds', spec?.minReadySeconds),
    ...notNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit),
    ...notNegative('spec.progressDeadlineSeconds', deadline),
    ...(deadline !== undefined && deadline <= (spec?.minReadySeconds ?? 0)
      ? [invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')]
      : []),
    ...strategyCauses(spec?.strategy),
    ...workloadCauses(spec?.selector, spec?.template),
    ...(before !== undefined && !isEqual(spec?.selector, before.spec?.selector)
      ? [immutable('spec.selector', spec?.selector)]
      : []),
  ]
}

const strategyCauses = (strategy: DeploymentStrategy | undefined): readonly FaultCause[] => {
  const rolling = strategy?.rollingUpdate
  if (strategy?.type === 'Recreate') {
    return rolling === undefined
      ? []
      : [
          {
            reason: 'FieldValueForbidden',
            field: 'spec.strategy.rollingUpdate',
            message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
          },
        ]
  }
  const field = 'spec.strategy.rollingUpdate'
  return [
    ...oneOf('spec.strategy.type', strategy?.type, ['Recreate', 'RollingUpdate']),
    ...percentCauses(`${field}.maxUnavailable`, rolling?.maxUnavailable, 100),
    ...percentCauses(`${field}.maxSurge`, rolling?.maxSurge),
    ...(rolling !== undefined &&
    numberOrPercent(rolling.maxUnavailable) === 0 &&
    numberOrPercent(rolling.maxSurge) === 0
      ? [invalid(`${field}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
      : []),
  ]
}
