import type { PolicyRule } from '../../api/types.ts'
import { type AccessRules, hasOrAll, masters, pathMatches, rulesOf, type Subject } from './access-rules.ts'

/**
 * What a role would give that its writer does not have; empty: it may be written
 * (k8s: registry/rbac/validation ConfirmNoEscalation). `namespace` is `''` for ClusterRoles.
 */
export const missingRules = (
  subject: Subject,
  wanted: readonly PolicyRule[],
  namespace: string,
  rules: AccessRules,
): readonly PolicyRule[] => {
  if (subject.groups.includes(masters)) return []
  const held = [...rulesOf(subject, namespace, rules)].map(one => one.rule)
  return wanted.flatMap(atoms).filter(atom => !held.some(rule => covers(rule, atom)))
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as upstream shows a missing rule. */
export const ruleText = (rule: PolicyRule): string => {
  const list = (name: string, of: readonly string[] | undefined) =>
    of === undefined || of.length === 0 ? [] : [`${name}:[${of.map(one => JSON.stringify(one)).join(', ')}]`]
  return `{${[
    ...list('APIGroups', rule.apiGroups),
    ...list('Resources', rule.resources),
    ...list('ResourceNames', rule.resourceNames),
    ...list('NonResourceURLs', rule.nonResourceURLs),
    ...list('Verbs', rule.verbs),
  ].join(', ')}}`
}

/** The rule taken apart: one verb on one resource (and name) each. */
const atoms = (rule: PolicyRule): readonly PolicyRule[] =>
  rule.verbs.flatMap(verb => [
    ...(rule.nonResourceURLs ?? []).map(path => ({ nonResourceURLs: [path], verbs: [verb] })),
    ...(rule.apiGroups ?? []).flatMap(group =>
      (rule.resources ?? []).flatMap(resource => {
        const atom = { apiGroups: [group], resources: [resource], verbs: [verb] }
        const names = rule.resourceNames ?? []
        return names.length === 0 ? [atom] : names.map(name => ({ ...atom, resourceNames: [name] }))
      }),
    ),
  ])

const covers = (held: PolicyRule, atom: PolicyRule): boolean => {
  if (!hasOrAll(held.verbs, atom.verbs[0] ?? '')) return false
  const [path] = atom.nonResourceURLs ?? []
  if (path !== undefined) return (held.nonResourceURLs ?? []).some(pattern => pathMatches(pattern, path))
  const [resource = ''] = atom.resources ?? []
  const [name] = atom.resourceNames ?? []
  const names = held.resourceNames ?? []
  const [, subresource] = resource.split('/')
  return (
    hasOrAll(held.apiGroups, atom.apiGroups?.[0] ?? '') &&
    (hasOrAll(held.resources, resource) ||
      (subresource !== undefined && (held.resources ?? []).includes(`*/${subresource}`))) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  )
}
