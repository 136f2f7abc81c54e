import t from 'tap'
import fc from '../../support/fast-check.ts'
import { startKit } from '../../support/rest.ts'

const word = fc.oneof(
  fc.constantFrom(
    'api',
    'apis',
    'v1',
    'apps',
    'namespaces',
    'default',
    'pods',
    'deployments',
    'web',
    'status',
    'scale',
  ),
  fc.constantFrom(
    'configmaps',
    'log',
    'eviction',
    'binding',
    'finalize',
    'token',
    '__proto__',
    'constructor',
    '..',
    '',
  ),
  fc.constantFrom('metrics.k8s.io', 'v1beta1', 'nodes', 'openapi', 'v2', 'v3', 'selfsubjectaccessreviews'),
  fc.string({ unit: 'binary', maxLength: 8 }).map(encodeURIComponent),
  fc.string({ unit: fc.constantFrom('%', 'a', '/', '2', 'F'), maxLength: 6 }),
)

const parameter = fc.record({
  name: fc.constantFrom(
    ...['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'dryRun'],
    ...[
      'fieldValidation',
      'includeObject',
      'gracePeriodSeconds',
      'propagationPolicy',
      'force',
      'tailLines',
      'container',
    ],
  ),
  value: fc.oneof(
    fc.constantFrom('', '1', '-1', 'true', 'a=b', 'a in (b', 'metadata.name=x', 'All', 'Strict', 'Exact', 'eyJ9'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  ),
})

const body = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map(value => JSON.stringify(value)),
  fc
    .record({
      apiVersion: fc.constantFrom('v1', 'apps/v1'),
      kind: fc.constantFrom('Pod', 'ConfigMap'),
      metadata: fc.jsonValue({ maxDepth: 2 }),
      spec: fc.jsonValue({ maxDepth: 3 }),
    })
    .map(value => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from([0x6b, 0x38, 0x73, 0, ...bytes])),
  fc.constant('['.repeat(50_000)),
  fc.constant('{"a":'.repeat(20_000)),
)

t.test('whatever is asked, the answer is a Status or an object, and never a fault of ours', async t => {
  const { ask, objects } = await startKit(t)
  await objects.create('ConfigMap', { metadata: { name: 'web', namespace: 'default' } })
  const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
  const types = fc.constantFrom(
    ...['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'text/plain'],
    ...[
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ],
  )
  const known = fc.constantFrom(
    ...[
      '/api/v1/namespaces/default/configmaps',
      '/api/v1/namespaces/default/configmaps/web',
      '/api/v1/namespaces/default/pods',
    ],
    ...['/apis/apps/v1/namespaces/default/deployments/web', '/apis/rbac.authorization.k8s.io/v1/clusterroles/view'],
    ...[
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      '/api/v1/namespaces/default/configmaps/web?watch=x&timeoutSeconds=0',
    ],
  )
  const path = fc.oneof(
    known,
    fc.array(word, { maxLength: 7 }).map(words => `/${words.join('/')}`),
  )
  await fc.assert(
    fc.asyncProperty(
      methods,
      path,
      fc.array(parameter, { maxLength: 3 }),
      body,
      types,
      async (method, path, query, body, type) => {
        const words = query.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`)
        const full = words.length === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${words.join('&')}`
        const sent = method === 'GET' ? {} : { body, headers: { 'content-type': type } }
        const answer = await ask({ method, path: full, ...sent })
        t.ok(
          answer.status !== 500 && answer.status > 0,
          `${method} ${full} ${answer.status} ${answer.text.slice(0, 300)}`,
        )
        if (answer.status >= 400) t.match(answer.json, { kind: 'Status', status: 'Failure', code: answer.status })
      },
    ),
    { numRuns: 200 },
  )
  t.match(await ask({ path: '/readyz' }), { status: 200 })
})
