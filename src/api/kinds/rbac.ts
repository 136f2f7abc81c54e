import { immutable, notSupported, required } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import type { Column } from '../kind.ts'
import { pathSegment } from '../names.ts'
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../types.ts'
import { age, ageColumn, aKind, column, nameColumn, nameOf, wideColumn } from './a-kind.ts'

const group = 'rbac.authorization.k8s.io'

const words = { group, version: 'v1', nameRule: pathSegment } as const

const roleColumns: readonly Column[] = [
  nameColumn,
  column(
    'Created At',
    'CreationTimestamp is a timestamp representing the server time when this object was created.',
    'date',
  ),
]

const bindingColumns: readonly Column[] = [
  nameColumn,
  column('Role', 'The role that is granted.'),
  ageColumn,
  wideColumn('Users', 'Users to whom the role is granted.'),
  wideColumn('Groups', 'Groups to whom the role is granted.'),
  wideColumn('ServiceAccounts', 'ServiceAccounts to whom the role is granted.'),
]

export const roleKind = aKind<Role>({
  ...words,
  kind: 'Role',
  plural: 'roles',
  isNamespaced: true,
  validate: role => ruleCauses(role.rules, true),
  columns: roleColumns,
  cells: role => [nameOf(role), role.metadata.creationTimestamp ?? null],
})

export const clusterRoleKind = aKind<ClusterRole>({
  ...words,
  kind: 'ClusterRole',
  plural: 'clusterroles',
  isNamespaced: false,
  validate: role => ruleCauses(role.rules, false),
  columns: roleColumns,
  cells: role => [nameOf(role), role.metadata.creationTimestamp ?? null],
})

export const roleBindingKind = aKind<RoleBinding>({
  ...words,
  kind: 'RoleBinding',
  plural: 'rolebindings',
  isNamespaced: true,
  defaults: bindingDefaults,
  validate: (binding, before) => bindingCauses(binding, before, ['ClusterRole', 'Role']),
  columns: bindingColumns,
  cells: (binding, now) => bindingCells(binding, now),
})

export const clusterRoleBindingKind = aKind<ClusterRoleBinding>({
  ...words,
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  isNamespaced: false,
  defaults: bindingDefaults,
  validate: (binding, before) => bindingCauses(binding, before, ['ClusterRole']),
  columns: bindingColumns,
  cells: (binding, now) => bindingCells(binding, now),
})

type Binding = RoleBinding | ClusterRoleBinding

function bindingDefaults<T extends Binding>(binding: T): T {
  return {
    ...binding,
    roleRef: { ...binding.roleRef, apiGroup: binding.roleRef.apiGroup || group },
    ...(binding.subjects === undefined ? {} : { subjects: binding.subjects.map(subjectDefaults) }),
  }
}

const subjectDefaults = (subject: Subject): Subject =>
  subject.kind === 'User' || subject.kind === 'Group' ? { ...subject, apiGroup: subject.apiGroup || group } : subject

/** k8s: rbac/validation ValidatePolicyRule */
const ruleCauses = (rules: readonly PolicyRule[] | undefined, isNamespaced: boolean): readonly FaultCause[] =>
  (rules ?? []).flatMap((rule, index) => {
    const field = `rules[${index}]`
    const isUrl = (rule.nonResourceURLs?.length ?? 0) > 0
    if (rule.verbs.length === 0) return [required(`${field}.verbs`, 'verbs must contain at least one value')]
    if (isUrl) {
      const hasResources = [rule.apiGroups, rule.resources, rule.resourceNames].some(one => (one?.length ?? 0) > 0)
      if (isNamespaced) {
        return [
          causeAt(
            `${field}.nonResourceURLs`,
            rule.nonResourceURLs,
            'namespaced rules cannot apply to non-resource URLs',
          ),
        ]
      }
      return hasResources
        ? [
            causeAt(
              `${field}.nonResourceURLs`,
              rule.nonResourceURLs,
              'rules cannot apply to both regular resources and non-resource URLs',
            ),
          ]
        : []
    }
    return [
      ...((rule.apiGroups?.length ?? 0) === 0
        ? [required(`${field}.apiGroups`, 'resource rules must supply at least one api group')]
        : []),
      ...((rule.resources?.length ?? 0) === 0
        ? [required(`${field}.resources`, 'resource rules must supply at least one resource')]
        : []),
    ]
  })

const causeAt = (field: string, value: unknown, why: string): FaultCause => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
})

const bindingCauses = (
  binding: Binding,
  before: Binding | undefined,
  roleKinds: readonly string[],
): readonly FaultCause[] => [
  ...(binding.roleRef.apiGroup === group ? [] : [notSupported('roleRef.apiGroup', binding.roleRef.apiGroup, [group])]),
  ...(roleKinds.includes(binding.roleRef.kind) ? [] : [notSupported('roleRef.kind', binding.roleRef.kind, roleKinds)]),
  ...(binding.roleRef.name === '' ? [required('roleRef.name')] : []),
  ...(binding.subjects ?? []).flatMap((subject, index) => subjectCauses(subject, `subjects[${index}]`, binding)),
  ...(before !== undefined && !isEqual(binding.roleRef, before.roleRef)
    ? [immutable('roleRef', binding.roleRef, 'cannot change roleRef')]
    : []),
]

const subjectCauses = (subject: Subject, field: string, binding: Binding): readonly FaultCause[] => {
  const kinds = ['ServiceAccount', 'User', 'Group']
  if (!kinds.includes(subject.kind)) return [notSupported(`${field}.kind`, subject.kind, kinds)]
  const wanted = subject.kind === 'ServiceAccount' ? '' : group
  return [
    ...(subject.name === '' ? [required(`${field}.name`)] : []),
    ...((subject.apiGroup ?? '') === wanted ? [] : [notSupported(`${field}.apiGroup`, subject.apiGroup, [wanted])]),
    ...(subject.kind === 'ServiceAccount' &&
    (subject.namespace ?? '') === '' &&
    binding.metadata.namespace === undefined
      ? [required(`${field}.namespace`)]
      : []),
  ]
}

const bindingCells = (binding: Binding, now: number) => {
  const named = (kind: string): string =>
    (binding.subjects ?? [])
      .filter(one => one.kind === kind)
      .map(one =>
        kind === 'ServiceAccount' ? `${one.namespace ?? binding.metadata.namespace ?? ''}/${one.name}` : one.name,
      )
      .join(', ')
  return [
    nameOf(binding),
    `${binding.roleRef.kind}/${binding.roleRef.name}`,
    age(binding, now),
    named('User'),
    named('Group'),
    named('ServiceAccount'),
  ]
}
