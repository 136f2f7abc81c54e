import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../../api/fault.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/types.ts'
import { type AccessRequest, type AccessRules, masters } from '../../core/access/access-rules.ts'
import { authorize, forbiddenText } from '../../core/access/authorize.ts'
import { type Caller, groups } from '../identity/caller.ts'
import type { Objects } from '../objects.ts'

/** RBAC's objects, as the cache has them. */
export const accessRules = (objects: Objects): AccessRules => ({
  clusterRole: name => objects.get<ClusterRole>('ClusterRole', { namespace: '', name }),
  clusterRoles: () => objects.list<ClusterRole>('ClusterRole'),
  role: (namespace, name) => objects.get<Role>('Role', { namespace, name }),
  clusterRoleBindings: () => objects.list<ClusterRoleBinding>('ClusterRoleBinding'),
  roleBindings: namespace => objects.list<RoleBinding>('RoleBinding', { namespace }),
})

/** Roles that have doors of their own and none here. */
const otherDoors: { readonly [group: string]: string } = {
  [groups.nodes]: 'devices speak MQTT',
  [groups.telemetry]: 'telemetry users read MQTT',
}

/**
 * The caller as the API knows it: with the groups that every caller has, and none whose role has another door.
 *
 * @throws Fault Forbidden for nodes and telemetry users, naming the role
 */
export const admitCaller = (caller: Caller): Caller => {
  const other = caller.groups.find(group => Object.hasOwn(otherDoors, group))
  if (other !== undefined && !caller.groups.includes(masters)) {
    const why = `the role ${other} is not admitted to the Kubernetes API: ${otherDoors[other]}`
    throw new Fault('Forbidden', `User "${caller.user}" is forbidden: ${why}`, { user: caller.user })
  }
  const common = caller.by === 'anonymous' ? 'system:unauthenticated' : groups.authenticated
  return { ...caller, groups: [...new Set([...caller.groups, common])] }
}

/** @throws Fault Unauthorized for strangers, Forbidden for everybody else, in upstream's words */
export const demand = (caller: Caller, request: AccessRequest, rules: AccessRules): void => {
  const { isAllowed, reason } = authorize(caller, request, rules)
  if (isAllowed) return
  if (caller.by === 'anonymous') {
    throw new Fault(
      'Unauthorized',
      'Unauthorized: show a client certificate or a bearer token (kubectl: use the kubeconfig that "dunlin kubeconfig" writes)',
    )
  }
  throw new Fault('Forbidden', forbiddenText(caller, request, reason), {
    ...(request.name === undefined || request.name === '' ? {} : { name: request.name }),
    ...(request.group === undefined ? {} : { group: request.group }),
    ...(request.resource === undefined ? {} : { kind: request.resource }),
  })
}

/**
 * The caller that `Impersonate-*` headers name, where the real one may do so; the caller itself without such headers.
 *
 * @throws Fault Forbidden; BadRequest for groups or extras without a user
 */
export const impersonated = (caller: Caller, headers: IncomingHttpHeaders, rules: AccessRules): Caller => {
  const user = headers['impersonate-user']
  const named = Object.keys(headers).filter(name => name.startsWith('impersonate-'))
  if (named.length === 0) return caller
  if (typeof user !== 'string' || user === '') {
    throw new Fault('BadRequest', `requested impersonation without a user: ${named.join(', ')} need Impersonate-User`)
  }
  const extra = named.find(name => !['impersonate-user', 'impersonate-group', 'impersonate-uid'].includes(name))
  if (extra !== undefined) throw new Fault('BadRequest', `${extra} is not supported: impersonate users and groups`)
  const wanted = [headers['impersonate-group'] ?? []].flat().flatMap(one => one.split(',').map(word => word.trim()))
  demand(caller, { verb: 'impersonate', ...userResource(user) }, rules)
  for (const name of wanted) demand(caller, { verb: 'impersonate', group: '', resource: 'groups', name }, rules)
  const uid = headers['impersonate-uid']
  if (typeof uid === 'string') {
    demand(caller, { verb: 'impersonate', group: 'authentication.k8s.io', resource: 'uids', name: uid }, rules)
  }
  const common = user === 'system:anonymous' ? 'system:unauthenticated' : groups.authenticated
  return { user, groups: [...new Set([...wanted, common])], by: caller.by, ...(typeof uid === 'string' ? { uid } : {}) }
}

const userResource = (user: string): Pick<AccessRequest, 'group' | 'resource' | 'namespace' | 'name'> => {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? []
  return namespace === undefined || name === undefined
    ? { group: '', resource: 'users', name: user }
    : { group: '', resource: 'serviceaccounts', namespace, name }
}
