import t from 'tap'
import { nodeUser } from '../../../src/hub/identity/caller.ts'
import { type RestKit, startKit } from '../../support/rest.ts'

const pods = '/api/v1/namespaces/default/pods'
const rbac = '/apis/rbac.authorization.k8s.io/v1'

const bind = (kit: RestKit, role: string, user = 'eva') =>
  kit.objects.create('RoleBinding', {
    metadata: { name: `${user}-${role}`, namespace: 'default' },
    ...{
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    },
  })

t.test('who has no right is told which right is missing', async t => {
  const { ask } = await startKit(t)
  t.match(await ask({ path: pods, as: 'eva' }), {
    status: 403,
    json: {
      reason: 'Forbidden',
      message: 'pods is forbidden: User "eva" cannot list resource "pods" in API group "" in the namespace "default"',
      details: { kind: 'pods' },
    },
  })
  t.match(await ask({ path: '/metrics', as: 'eva' }), { status: 403, json: { message: /cannot get path "\/metrics"/ } })
  t.match(await ask({ path: '/apis', as: 'eva' }), { status: 200 })
})

t.test('strangers get 401, and health', async t => {
  const { ask } = await startKit(t)
  t.match(await ask({ path: pods, as: 'nobody' }), {
    status: 401,
    json: { reason: 'Unauthorized', message: /kubeconfig/ },
  })
  const headers = { authorization: 'Bearer not.a.token' }
  t.match(await ask({ path: pods, as: 'nobody', headers }), { status: 401, json: { reason: 'Unauthorized' } })
  t.match(await ask({ path: '/livez', as: 'nobody' }), { status: 200 })
})

t.test('nodes and telemetry users have other doors', async t => {
  const { ask } = await startKit(t)
  for (const [as, role] of [
    [nodeUser('n1'), 'system:nodes'],
    ['thermometer', 'dunlin:telemetry'],
  ] as const) {
    for (const path of [pods, '/api', '/version']) {
      const message = new RegExp(`the role ${role} is not admitted to the Kubernetes API: .*MQTT`)
      t.match(await ask({ path, as }), { status: 403, json: { reason: 'Forbidden', message } }, `${as} ${path}`)
    }
  }
})

t.test('a viewer reads and does not write', async t => {
  const kit = await startKit(t)
  await bind(kit, 'view')
  t.match(await kit.ask({ path: pods, as: 'eva' }), { status: 200 })
  t.match(await kit.ask({ path: '/api/v1/namespaces/default', as: 'eva' }), { status: 200 })
  t.match(await kit.ask({ path: '/api/v1/pods', as: 'eva' }), {
    status: 403,
    json: { message: /at the cluster scope/ },
  })
  const body = { metadata: { name: 'c' } }
  t.match(await kit.ask({ path: '/api/v1/namespaces/default/configmaps', body, as: 'eva' }), { status: 403 })
  t.match(await kit.ask({ method: 'DELETE', path: `${pods}/web`, as: 'eva' }), {
    status: 403,
    json: { message: /^pods "web" is forbidden: User "eva" cannot delete/, details: { name: 'web' } },
  })
  t.match(await kit.ask({ path: '/api/v1/namespaces/default/secrets', as: 'eva' }), { status: 403 })
})

t.test('nobody writes a role that is above their own', async t => {
  const kit = await startKit(t)
  await bind(kit, 'admin')
  const role = (name: string, rules: unknown) => ({ metadata: { name }, rules })
  const roles = `${rbac}/namespaces/default/roles`
  const own = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
  const all = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
  t.match(await kit.ask({ path: roles, body: role('a', own), as: 'eva' }), { status: 201 })
  t.match(await kit.ask({ path: roles, body: role('b', all), as: 'eva' }), {
    status: 403,
    json: { message: /attempting to grant RBAC permissions not currently held:\n\{APIGroups:\["\*"\]/ },
  })
  t.match(await kit.ask({ method: 'PUT', path: `${roles}/a`, body: role('a', all), as: 'eva' }), { status: 403 })
  const binding = (name: string) => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
  })
  const bindings = `${rbac}/namespaces/default/rolebindings`
  t.match(await kit.ask({ path: bindings, body: binding('view'), as: 'eva' }), { status: 201 })
  t.match(await kit.ask({ path: bindings, body: binding('cluster-admin'), as: 'eva' }), { status: 403 })
  t.match(await kit.ask({ path: bindings, body: binding('cluster-admin') }), { status: 201 })
})

t.test('impersonation is refused unless it is allowed', async t => {
  const kit = await startKit(t)
  await bind(kit, 'view')
  const headers = { 'impersonate-user': 'eva' }
  t.match(await kit.ask({ path: pods, headers }), { status: 200 })
  t.match(await kit.ask({ path: '/api/v1/nodes', headers }), { status: 403, json: { message: /User "eva"/ } })
  t.match(kit.audit.at(-1), { user: 'eva', impersonatedBy: 'admin', status: 403 })
  const rise = { 'impersonate-user': 'root', 'impersonate-group': 'system:masters' }
  t.match(await kit.ask({ path: pods, headers: rise, as: 'eva' }), {
    status: 403,
    json: { message: /User "eva" cannot impersonate resource "users"/ },
  })
  t.match(await kit.ask({ path: pods, headers: { 'impersonate-group': 'system:masters' } }), { status: 400 })
  t.match(await kit.ask({ path: pods, headers: { ...headers, 'impersonate-extra-scope': 'x' } }), { status: 400 })
})

t.test('everyone may ask what they may do', async t => {
  const kit = await startKit(t)
  await bind(kit, 'view')
  const review = async (spec: object, as = 'eva') => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    return (await kit.ask({ path, as, body: { spec } })).json['status']
  }
  const list = { verb: 'list', resource: 'pods', namespace: 'default' }
  t.match(await review({ resourceAttributes: list }), { allowed: true, reason: /RoleBinding "eva-view\/default"/ })
  t.match(await review({ resourceAttributes: { ...list, namespace: 'kube-system' } }), { allowed: false })
  t.match(await review({ nonResourceAttributes: { verb: 'get', path: '/metrics' } }), { allowed: false })
  t.match(await review({ resourceAttributes: { verb: '*', resource: '*', group: '*' } }, 'admin'), { allowed: true })
  const rules = await kit.ask({
    path: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    as: 'eva',
    body: { spec: { namespace: 'default' } },
  })
  t.match(rules, { status: 201, json: { status: { incomplete: false, nonResourceRules: [{ verbs: ['get'] }] } } })
  const self = await kit.ask({ path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', as: 'eva', body: {} })
  t.match(self.json, { status: { userInfo: { username: 'eva', groups: ['gardeners', 'system:authenticated'] } } })
})

t.test('a service account gets a token and is who it says', async t => {
  const kit = await startKit(t)
  await kit.objects.create('ServiceAccount', { metadata: { name: 'robot', namespace: 'default' } })
  const made = await kit.ask({ path: '/api/v1/namespaces/default/serviceaccounts/robot/token', body: { spec: {} } })
  t.match(made, { status: 201, json: { kind: 'TokenRequest', status: { token: /./, expirationTimestamp: /./ } } })
  const { token } = made.json['status'] as { token: string }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const self = await kit.ask({ path, as: 'nobody', body: {}, headers: { authorization: `Bearer ${token}` } })
  t.match(self.json, { status: { userInfo: { username: 'system:serviceaccount:default:robot' } } })
  const reviews = '/apis/authentication.k8s.io/v1/tokenreviews'
  t.match((await kit.ask({ path: reviews, body: { spec: { token } } })).json, { status: { authenticated: true } })
  t.match((await kit.ask({ path: reviews, body: { spec: { token: 'x' } } })).json, { status: { authenticated: false } })
})

t.test('the audit says who did what to what, and what came of it', async t => {
  const kit = await startKit(t)
  await kit.ask({ path: '/api/v1/namespaces/default/configmaps', body: { metadata: { name: 'c' } } })
  await kit.ask({ path: pods, as: 'eva' })
  t.match(kit.audit, [
    { user: 'admin', access: { verb: 'create', resource: 'configmaps', namespace: 'default' }, status: 201 },
    { user: 'eva', access: { verb: 'list', resource: 'pods' }, status: 403, failure: /forbidden/ },
  ])
})

t.test('rights on a name hold for a list or watch of that name', async t => {
  const kit = await startKit(t)
  const rules = [
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'], verbs: ['get', 'list', 'watch'] },
  ]
  await kit.objects.create('Role', { metadata: { name: 'one', namespace: 'default' }, ...{ rules } })
  await kit.objects.create('RoleBinding', {
    metadata: { name: 'one', namespace: 'default' },
    ...{
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'one' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'eva' }],
    },
  })
  const path = '/api/v1/namespaces/default/configmaps'
  t.match(await kit.ask({ path: `${path}?fieldSelector=metadata.name%3Dmine`, as: 'eva' }), { status: 200 })
  for (const query of ['', '?fieldSelector=metadata.name%3Dother', '?fieldSelector=metadata.name!%3Dmine']) {
    t.match(await kit.ask({ path: `${path}${query}`, as: 'eva' }), { status: 403 }, query)
  }
})
