import type { Kind } from '../../api/kind.ts'
import type { KubeObject, PolicyRule, RoleBinding } from '../../api/types.ts'
import { clusterRoleRules, referencedRules } from '../../core/access/access-rules.ts'
import { authorize } from '../../core/access/authorize.ts'
import { missingRules, ruleText } from '../../core/access/escalation.ts'
import { sameJson } from '../../lib/same-json.ts'
import type { Caller } from '../identity/caller.ts'
import { forbiddenWrite } from '../store/object-names.ts'
import { accessRules } from './access-gate.ts'
import type { Rest } from './api-request.ts'

/**
 * Nobody gives rights away that they do not have (k8s: registry/rbac, verbs `escalate` and `bind`). Does nothing for
 * other kinds than RBAC's four.
 *
 * @throws Fault Forbidden, naming the rules that the caller lacks
 */
export const checkEscalation = (
  caller: Caller,
  kind: Kind,
  object: KubeObject,
  before: KubeObject | undefined,
  rest: Pick<Rest, 'objects'>,
): void => {
  const rules = accessRules(rest.objects)
  const namespace = object.metadata.namespace ?? ''
  const name = object.metadata.name ?? ''
  const may = (verb: string, resource: string, of: string): boolean =>
    authorize(caller, { verb, group: kind.group, resource, namespace, name: of }, rules).isAllowed
  const refuse = (given: readonly PolicyRule[]): void => {
    const missing = missingRules(caller, given, namespace, rules)
    if (missing.length === 0) return
    const told = missing.slice(0, 10).map(ruleText).join('\n')
    const who = `user ${JSON.stringify(caller.user)} (groups=${JSON.stringify(caller.groups)})`
    throw forbiddenWrite(kind, name, `${who} is attempting to grant RBAC permissions not currently held:\n${told}`)
  }
  if (isRole(kind, object)) {
    if (before !== undefined && isRole(kind, before) && sameJson(object.rules, before.rules)) return
    if (!may('escalate', kind.plural, name))
      refuse(kind.kind === 'ClusterRole' ? clusterRoleRules(object, rules) : (object.rules ?? []))
  } else if (isBinding(kind, object)) {
    if (before !== undefined && isBinding(kind, before)) {
      const same = sameJson(object.roleRef, before.roleRef) && sameJson(object.subjects, before.subjects)
      if (same) return
    }
    const { roleRef } = object
    const resource = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
    if (!may('bind', resource, roleRef.name)) refuse(referencedRules(roleRef, namespace, rules))
  }
}

const group = 'rbac.authorization.k8s.io'

const isRole = (kind: Kind, _object: KubeObject): _object is KubeObject & { readonly rules?: readonly PolicyRule[] } =>
  kind.group === group && (kind.kind === 'Role' || kind.kind === 'ClusterRole')

const isBinding = (kind: Kind, object: KubeObject): object is RoleBinding =>
  kind.group === group && kind.kind.endsWith('Binding') && 'roleRef' in object
