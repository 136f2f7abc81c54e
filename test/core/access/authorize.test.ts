import t from 'tap'
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../../src/api/types.ts'
import type { AccessRequest, AccessRules } from '../../../src/core/access/access-rules.ts'
import { authorize, forbiddenText } from '../../../src/core/access/authorize.ts'
import { builtInBindings, builtInRoles } from '../../../src/core/access/built-in-roles.ts'
import { missingRules, ruleText } from '../../../src/core/access/escalation.ts'
import fc from '../../support/fast-check.ts'

const rulesOf = (of: {
  readonly clusterRoles?: readonly ClusterRole[]
  readonly roles?: readonly Role[]
  readonly clusterRoleBindings?: readonly ClusterRoleBinding[]
  readonly roleBindings?: readonly RoleBinding[]
}): AccessRules => {
  const clusterRoles = [...builtInRoles, ...(of.clusterRoles ?? [])]
  return {
    clusterRole: name => clusterRoles.find(one => one.metadata.name === name),
    clusterRoles: () => clusterRoles,
    role: (namespace, name) =>
      of.roles?.find(one => one.metadata.namespace === namespace && one.metadata.name === name),
    clusterRoleBindings: () => [...builtInBindings, ...(of.clusterRoleBindings ?? [])],
    roleBindings: namespace => (of.roleBindings ?? []).filter(one => one.metadata.namespace === namespace),
  }
}

const eva = { user: 'eva', groups: ['system:authenticated', 'gardeners'] }

const bindingOf = (role: string, subject: object, namespace?: string) => ({
  metadata: { name: 'b', ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { kind: 'ClusterRole', name: role },
  subjects: [
    { kind: 'User', name: 'nobody' },
    { kind: 'User', name: '', ...subject },
  ],
})

const everywhere = (role: string, subject: object = { kind: 'User', name: 'eva' }) =>
  rulesOf({ clusterRoleBindings: [bindingOf(role, subject)] })
const inShop = (role: string, subject: object = { kind: 'User', name: 'eva' }) =>
  rulesOf({ roleBindings: [bindingOf(role, subject, 'shop')] })

const may = (subject: typeof eva, request: AccessRequest, rules: AccessRules) =>
  authorize(subject, request, rules).isAllowed

t.test('who is bound to nothing may ask what there is and who it is, and no more', async t => {
  const rules = rulesOf({})
  t.ok(may(eva, { verb: 'get', path: '/api/v1' }, rules))
  t.ok(may(eva, { verb: 'get', path: '/openapi/v3/apis/apps/v1' }, rules))
  t.ok(may(eva, { verb: 'get', path: '/version' }, rules))
  t.ok(may(eva, { verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews' }, rules))
  t.notOk(may(eva, { verb: 'get', path: '/metrics' }, rules))
  t.notOk(may(eva, { verb: 'get', resource: 'pods', namespace: 'shop', name: 'web' }, rules))
  const stranger = { user: 'system:anonymous', groups: ['system:unauthenticated'] }
  t.ok(may(stranger, { verb: 'get', path: '/healthz' }, rules))
  t.notOk(may(stranger, { verb: 'get', path: '/api' }, rules))
})

t.test('masters may do everything, without any object', async t => {
  const rules: AccessRules = {
    clusterRole: () => undefined,
    clusterRoles: () => [],
    role: () => undefined,
    clusterRoleBindings: () => [],
    roleBindings: () => [],
  }
  const root = { user: 'root', groups: ['system:masters'] }
  t.ok(may(root, { verb: 'delete', resource: 'nodes', name: 'n1' }, rules))
  t.ok(may(root, { verb: 'get', path: '/metrics' }, rules))
})

t.test('what the built-in roles allow', async t => {
  const asks: readonly (readonly [string, AccessRequest])[] = [
    ['read a pod', { verb: 'get', resource: 'pods', namespace: 'shop', name: 'web' }],
    ['read a log', { verb: 'get', resource: 'pods', subresource: 'log', namespace: 'shop', name: 'web' }],
    ['read a secret', { verb: 'get', resource: 'secrets', namespace: 'shop', name: 's' }],
    ['change a deployment', { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' }],
    ['scale', { verb: 'update', group: 'apps', resource: 'deployments', subresource: 'scale', namespace: 'shop' }],
    ['evict', { verb: 'create', resource: 'pods', subresource: 'eviction', namespace: 'shop', name: 'web' }],
    ['change roles', { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'roles', namespace: 'shop' }],
    ['change a node', { verb: 'patch', resource: 'nodes', name: 'n1' }],
    ['read metrics of pods', { verb: 'list', group: 'metrics.k8s.io', resource: 'pods', namespace: 'shop' }],
  ]
  const allowed = (role: string) =>
    asks.filter(([, request]) => may(eva, request, everywhere(role))).map(([name]) => name)
  t.strictSame(allowed('view'), ['read a pod', 'read a log', 'read metrics of pods'])
  t.strictSame(allowed('edit'), [
    'read a pod',
    'read a log',
    'read a secret',
    'change a deployment',
    'scale',
    'evict',
    'read metrics of pods',
  ])
  t.strictSame(
    allowed('admin'),
    asks.map(([name]) => name).filter(name => name !== 'change a node'),
  )
  t.strictSame(
    allowed('cluster-admin'),
    asks.map(([name]) => name),
  )
  t.strictSame(allowed('system:node'), [])
  t.strictSame(allowed('no such role'), [])
})

t.test('a RoleBinding holds in its namespace alone', async t => {
  const rules = inShop('edit')
  t.ok(may(eva, { verb: 'create', resource: 'pods', namespace: 'shop' }, rules))
  t.notOk(may(eva, { verb: 'create', resource: 'pods', namespace: 'bank' }, rules))
  t.notOk(may(eva, { verb: 'list', resource: 'pods' }, rules), 'all namespaces')
})

t.test('subjects are users, groups and service accounts', async t => {
  const request = { verb: 'get', resource: 'pods', namespace: 'shop', name: 'web' }
  const robot = { user: 'system:serviceaccount:shop:robot', groups: [] as string[] }
  t.ok(may(eva, request, inShop('view', { kind: 'Group', name: 'gardeners' })))
  t.notOk(may(eva, request, inShop('view', { kind: 'Group', name: 'eva' })))
  t.notOk(may(eva, request, inShop('view', { kind: 'User', name: 'gardeners' })))
  t.ok(may(robot, request, inShop('view', { kind: 'ServiceAccount', name: 'robot' })), 'of the same namespace')
  t.ok(may(robot, request, everywhere('view', { kind: 'ServiceAccount', name: 'robot', namespace: 'shop' })))
  t.notOk(may(robot, request, everywhere('view', { kind: 'ServiceAccount', name: 'robot', namespace: 'bank' })))
})

t.test('resource names, subresources and wildcards', async t => {
  const withRule = (rule: PolicyRule) =>
    rulesOf({
      roles: [{ metadata: { name: 'r', namespace: 'shop' }, rules: [rule] }],
      roleBindings: [{ ...bindingOf('r', { name: 'eva' }, 'shop'), roleRef: { kind: 'Role', name: 'r' } }],
    })
  const base = { apiGroups: [''], resources: ['pods'], verbs: ['get'] }
  const pod = { verb: 'get', resource: 'pods', namespace: 'shop', name: 'web' }
  t.ok(may(eva, pod, withRule({ ...base, resourceNames: ['web'] })))
  t.notOk(may(eva, { ...pod, name: 'db' }, withRule({ ...base, resourceNames: ['web'] })))
  t.notOk(may(eva, { ...pod, name: '' }, withRule({ ...base, resourceNames: ['web'] })))
  t.notOk(may(eva, { ...pod, subresource: 'log' }, withRule(base)), 'a resource is not its subresources')
  t.ok(may(eva, { ...pod, subresource: 'log' }, withRule({ ...base, resources: ['*/log'] })))
  t.ok(may(eva, { ...pod, subresource: 'log' }, withRule({ ...base, resources: ['*'] })))
  t.notOk(may(eva, { ...pod, group: 'apps' }, withRule(base)))
})

t.test('an aggregated ClusterRole has the rules of those that it selects', async t => {
  const rules = rulesOf({
    clusterRoles: [
      { metadata: { name: 'sum' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] } },
      {
        metadata: { name: 'a', labels: { part: 'yes' } },
        rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
      },
      { metadata: { name: 'b' }, rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['delete'] }] },
    ],
    clusterRoleBindings: [bindingOf('sum', { name: 'eva' })],
  })
  t.ok(may(eva, { verb: 'get', resource: 'nodes', name: 'n' }, rules))
  t.notOk(may(eva, { verb: 'delete', resource: 'nodes', name: 'n' }, rules))
})

t.test('a 403 says it in the words of Kubernetes', async t => {
  t.equal(
    forbiddenText(eva, { verb: 'list', resource: 'pods', namespace: 'default' }),
    'pods is forbidden: User "eva" cannot list resource "pods" in API group "" in the namespace "default"',
  )
  t.equal(
    forbiddenText(eva, {
      verb: 'patch',
      group: 'apps',
      resource: 'deployments',
      subresource: 'scale',
      name: 'web',
      namespace: 'a',
    }),
    'deployments.apps "web" is forbidden: User "eva" cannot patch resource "deployments/scale" in API group "apps" in the namespace "a"',
  )
  t.match(forbiddenText(eva, { verb: 'list', resource: 'nodes' }), /at the cluster scope$/)
  t.equal(forbiddenText(eva, { verb: 'get', path: '/metrics' }), 'forbidden: User "eva" cannot get path "/metrics"')
})

t.test('nobody gives away more than they have', async t => {
  const podReader = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }
  t.strictSame(missingRules(eva, [podReader], 'shop', inShop('view')), [])
  t.strictSame(missingRules(eva, [podReader], 'bank', inShop('view')).length, 2)
  const more = { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get'] }
  t.strictSame(missingRules(eva, [more], 'shop', inShop('view')).map(ruleText), [
    '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
  ])
  const all = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
  t.equal(missingRules(eva, [all], 'shop', inShop('admin')).length, 1)
  t.strictSame(missingRules(eva, [all], '', everywhere('cluster-admin')), [])
  t.strictSame(missingRules({ user: 'r', groups: ['system:masters'] }, [all], '', rulesOf({})), [])
})

t.test('whoever may write a role by this check may also do each single thing that the role allows', async t => {
  const word = (...words: string[]) => fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 3 })
  const anyRule = fc.record({
    apiGroups: word('', 'apps', '*'),
    resources: word('pods', 'pods/log', '*/log', '*', 'secrets'),
    verbs: word('get', 'list', '*'),
    resourceNames: fc.oneof(fc.constant([]), word('a', 'b')),
  })
  const anyRequest = fc.record({
    verb: fc.constantFrom('get', 'list', 'delete'),
    group: fc.constantFrom('', 'apps', 'batch'),
    resource: fc.constantFrom('pods', 'secrets', 'nodes'),
    subresource: fc.constantFrom('', 'log', 'status'),
    name: fc.constantFrom('a', 'b', 'c'),
    namespace: fc.constant('shop'),
  })
  const holding = (rules: readonly PolicyRule[]) =>
    rulesOf({
      roles: [{ metadata: { name: 'r', namespace: 'shop' }, rules }],
      roleBindings: [{ ...bindingOf('r', { name: 'eva' }, 'shop'), roleRef: { kind: 'Role', name: 'r' } }],
    })
  fc.assert(
    fc.property(
      fc.array(anyRule, { maxLength: 3 }),
      anyRule,
      fc.array(anyRequest, { maxLength: 8 }),
      (held, wanted, requests) => {
        if (missingRules(eva, [wanted], 'shop', holding(held)).length > 0) return
        for (const request of requests) {
          if (may(eva, request, holding([wanted]))) t.ok(may(eva, request, holding(held)), JSON.stringify(request))
        }
      },
    ),
    { numRuns: 500 },
  )
})
