import { labelSelectorMatches } from '../../api/selector.ts'
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../api/types.ts'

/** Who asks, as the certificate or token says. */
export interface Subject {
  readonly user: string
  readonly groups: readonly string[]
}

/** What is asked: a resource, or (with `path` alone) something that is not one. */
export interface AccessRequest {
  readonly verb: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly name?: string
  /** `''` or absent: all namespaces, or a kind without one. */
  readonly namespace?: string
  readonly path?: string
}

/** Where the rules are read. */
export interface AccessRules {
  clusterRole(name: string): ClusterRole | undefined
  clusterRoles(): readonly ClusterRole[]
  role(namespace: string, name: string): Role | undefined
  clusterRoleBindings(): readonly ClusterRoleBinding[]
  roleBindings(namespace: string): readonly RoleBinding[]
}

/** Group of those who may do everything, whatever the rules say (k8s: system:masters). */
export const masters = 'system:masters'

/** k8s: plugin/pkg/auth/authorizer/rbac. Whether one rule allows the request. */
export const ruleAllows = (rule: PolicyRule, request: AccessRequest): boolean => {
  if (!hasOrAll(rule.verbs, request.verb)) return false
  if (request.path !== undefined)
    return (rule.nonResourceURLs ?? []).some(pattern => pathMatches(pattern, request.path ?? ''))
  const names = rule.resourceNames ?? []
  return (
    hasOrAll(rule.apiGroups, request.group ?? '') &&
    resourceMatches(rule.resources, request.resource ?? '', request.subresource ?? '') &&
    (names.length === 0 || names.includes(request.name ?? ''))
  )
}

export const hasOrAll = (list: readonly string[] | undefined, one: string): boolean =>
  list?.some(item => item === '*' || item === one) ?? false

const resourceMatches = (list: readonly string[] | undefined, resource: string, subresource: string): boolean => {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return hasOrAll(list, whole) || (subresource !== '' && (list ?? []).includes(`*/${subresource}`))
}

export const pathMatches = (pattern: string, path: string): boolean =>
  pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)))

/** The rules that hold for the subject: everywhere, and in the namespace where one is named. */
export function* rulesOf(
  subject: Subject,
  namespace: string,
  rules: AccessRules,
): Generator<{ readonly rule: PolicyRule; readonly because: string }> {
  for (const binding of rules.clusterRoleBindings()) {
    if (!binds(binding, subject, '')) continue
    const role = rules.clusterRole(binding.roleRef.name)
    const because = `ClusterRoleBinding "${binding.metadata.name}" of ClusterRole "${binding.roleRef.name}"`
    for (const rule of role === undefined ? [] : clusterRoleRules(role, rules)) yield { rule, because }
  }
  if (namespace === '') return
  for (const binding of rules.roleBindings(namespace)) {
    if (!binds(binding, subject, namespace)) continue
    const because = `RoleBinding "${binding.metadata.name}/${namespace}" of ${binding.roleRef.kind} "${binding.roleRef.name}"`
    for (const rule of referencedRules(binding.roleRef, namespace, rules)) yield { rule, because }
  }
}

/** The rules of the role that a binding names; none where there is no such role. */
export const referencedRules = (
  { kind, name }: { readonly kind: string; readonly name: string },
  namespace: string,
  rules: AccessRules,
): readonly PolicyRule[] => {
  if (kind === 'Role') return rules.role(namespace, name)?.rules ?? []
  const role = rules.clusterRole(name)
  return role === undefined ? [] : clusterRoleRules(role, rules)
}

/** Its own rules, and those of every ClusterRole that its aggregation selects. */
export const clusterRoleRules = (role: ClusterRole, rules: AccessRules): readonly PolicyRule[] => {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? []
  if (selectors.length === 0) return role.rules ?? []
  const others = rules
    .clusterRoles()
    .filter(
      other =>
        other.metadata.name !== role.metadata.name &&
        selectors.some(selector => labelSelectorMatches(selector, other.metadata.labels)),
    )
  return [...(role.rules ?? []), ...others.flatMap(other => other.rules ?? [])]
}

const binds = (binding: ClusterRoleBinding | RoleBinding, subject: Subject, namespace: string): boolean =>
  (binding.subjects ?? []).some(one => {
    if (one.kind === 'User') return one.name === subject.user
    if (one.kind === 'Group') return subject.groups.includes(one.name)
    const of = one.namespace ?? namespace
    return one.kind === 'ServiceAccount' && subject.user === `system:serviceaccount:${of}:${one.name}`
  })
