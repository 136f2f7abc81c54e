import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../api/types.ts'

const read = ['get', 'list', 'watch']
const write = ['create', 'delete', 'deletecollection', 'patch', 'update']
const rbac = 'rbac.authorization.k8s.io'

const rule = (apiGroup: string, resources: readonly string[], verbs: readonly string[]): PolicyRule => ({
  apiGroups: [apiGroup],
  resources,
  verbs,
})

/** What a viewer sees: everything of a namespace but Secrets (their content would let the viewer act as others). */
const viewRules: readonly PolicyRule[] = [
  rule(
    '',
    [
      'configmaps',
      'events',
      'namespaces',
      'persistentvolumeclaims',
      'pods',
      'pods/log',
      'pods/status',
      'serviceaccounts',
      'services',
      'services/status',
    ],
    read,
  ),
  rule(
    'apps',
    [
      'daemonsets',
      'daemonsets/status',
      'deployments',
      'deployments/scale',
      'deployments/status',
      'replicasets',
      'replicasets/scale',
      'replicasets/status',
    ],
    read,
  ),
  rule('discovery.k8s.io', ['endpointslices'], read),
  rule('metrics.k8s.io', ['pods'], read),
]

const editRules: readonly PolicyRule[] = [
  ...viewRules,
  rule('', ['secrets'], read),
  rule('', ['configmaps', 'events', 'persistentvolumeclaims', 'pods', 'secrets', 'serviceaccounts', 'services'], write),
  rule('', ['pods/eviction'], ['create']),
  rule('', ['pods/attach', 'pods/exec', 'pods/portforward'], ['create', 'get']),
  rule('', ['pods/proxy', 'services/proxy'], ['create', 'delete', 'get', 'patch', 'update']),
  rule('apps', ['daemonsets', 'deployments', 'deployments/scale', 'replicasets', 'replicasets/scale'], write),
]

const adminRules: readonly PolicyRule[] = [...editRules, rule(rbac, ['rolebindings', 'roles'], [...read, ...write])]

const role = (name: string, rules: readonly PolicyRule[], what: string): ClusterRole => ({
  metadata: {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    annotations: { 'dunlin.io/about': what },
  },
  rules,
})

/** The ClusterRoles that every hub has. Made at start where they are missing; what an operator changed stays. */
export const builtInRoles: readonly ClusterRole[] = [
  role(
    'cluster-admin',
    [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ],
    'May do everything.',
  ),
  role('admin', adminRules, 'May do everything in a namespace, its roles included.'),
  role('edit', editRules, 'May change the workloads of a namespace, and read its Secrets.'),
  role('view', viewRules, 'May look at everything of a namespace but Secrets.'),
  role('system:node', [], 'Devices speak MQTT: at the API they may do nothing.'),
  role(
    'system:discovery',
    [{ nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'], verbs: ['get'] }],
    'May ask what the API offers.',
  ),
  role(
    'system:public-info-viewer',
    [{ nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'], verbs: ['get'] }],
    'May ask for version and health.',
  ),
  role(
    'system:monitoring',
    [
      {
        nonResourceURLs: [
          '/healthz',
          '/healthz/*',
          '/livez',
          '/livez/*',
          '/metrics',
          '/metrics/*',
          '/readyz',
          '/readyz/*',
        ],
        verbs: ['get'],
      },
      rule('', ['nodes/metrics'], ['get']),
      rule('', ['nodes', 'pods', 'services', 'endpoints'], read),
      rule('discovery.k8s.io', ['endpointslices'], read),
    ],
    'May scrape metrics, and find what else is to be scraped.',
  ),
  role(
    'system:basic-user',
    [
      rule('authorization.k8s.io', ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
      rule('authentication.k8s.io', ['selfsubjectreviews'], ['create']),
    ],
    'May ask who it is and what it may do.',
  ),
]

const binding = (name: string, groups: readonly string[]): ClusterRoleBinding => ({
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
  subjects: groups.map(group => ({ apiGroup: rbac, kind: 'Group', name: group })),
})

export const builtInBindings: readonly ClusterRoleBinding[] = [
  binding('cluster-admin', ['system:masters']),
  binding('system:discovery', ['system:authenticated']),
  binding('system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']),
  binding('system:monitoring', ['system:monitoring']),
  binding('system:basic-user', ['system:authenticated']),
]
