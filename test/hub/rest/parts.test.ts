import t from 'tap'
import { Fault } from '../../../src/api/fault.ts'
import { chooseRepresentation } from '../../../src/hub/rest/accept.ts'
import { auditTo } from '../../../src/hub/rest/audit.ts'
import { isDryRun, queryFlag, queryNumber } from '../../../src/hub/rest/query.ts'
import { parsePath } from '../../../src/hub/rest/route.ts'
import { failureStatus } from '../../../src/hub/rest/status-object.ts'
import { warningHeaders } from '../../../src/hub/rest/warning-headers.ts'
import { jsonLog } from '../../../src/lib/log.ts'
import { fails } from '../../support/fails.ts'

t.test('paths, and what they name', async t => {
  const at = (path: string): string => {
    const route = parsePath(path)
    if (route.route === 'other') return 'other'
    const { group, version, namespace, plural, name, subresource } = route.at
    return [group, version, namespace, plural, name, subresource].join('|')
  }
  for (const [path, what] of [
    ['/api/v1/pods', '|v1||pods||'],
    ['/api/v1/namespaces', '|v1||namespaces||'],
    ['/api/v1/namespaces/shop', '|v1||namespaces|shop|'],
    ['/api/v1/namespaces/shop/status', '|v1||namespaces|shop|status'],
    ['/api/v1/namespaces/shop/finalize', '|v1||namespaces|shop|finalize'],
    ['/api/v1/namespaces/shop/pods', '|v1|shop|pods||'],
    ['/api/v1/namespaces/shop/pods/web', '|v1|shop|pods|web|'],
    ['/api/v1/namespaces/shop/pods/web/log', '|v1|shop|pods|web|log'],
    ['/apis/apps/v1/namespaces/shop/deployments/web/scale', 'apps|v1|shop|deployments|web|scale'],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      'rbac.authorization.k8s.io|v1||clusterroles|system:node|',
    ],
    ['/api/v1/nodes/', '|v1||nodes||'],
    ['/api/v1/namespaces/shop/pods/web/log/more', 'other'],
    ['/api/v1/nodes/n1/status/more', 'other'],
    ['/api/v1//pods', 'other'],
    ['/api/v1', 'other'],
    ['/api', 'other'],
    ['/apis/apps', 'other'],
    ['/apis/apps/v1', 'other'],
    ['/', 'other'],
    ['/version', 'other'],
  ] as const) {
    t.equal(at(path), what, path)
  }
  await fails(t, () => parsePath('/api/v1/namespaces/%zz'), 'BadRequest', /percent-encoding/)
})

t.test('the first thing in Accept that can be given is given', async t => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  for (const [header, as] of [
    [undefined, 'object'],
    ['', 'object'],
    ['*/*', 'object'],
    ['application/json, */*;q=0.8', 'object'],
    ['application/vnd.kubernetes.protobuf,application/json', 'object'],
    [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'table'],
    [`application/json, ${table}`, 'object'],
    ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'object'],
    ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'metadata'],
    ['APPLICATION/JSON', 'object'],
  ] as const) {
    t.equal(chooseRepresentation(header).as, as, header ?? 'none')
  }
  await fails(
    t,
    () => chooseRepresentation('application/vnd.kubernetes.protobuf'),
    'NotAcceptable',
    /application\/json/,
  )
  await fails(t, () => chooseRepresentation('text/html'), 'NotAcceptable')
})

t.test('parameters as all clients write them', async t => {
  const query = new URLSearchParams('a=true&b=True&c=1&d=&e=False&f=0&g=f&h=12&i=&j=-1&k=1e3')
  t.strictSame(
    ['a', 'b', 'c', 'd'].map(name => queryFlag(query, name)),
    [true, true, true, true],
  )
  t.strictSame(
    ['e', 'f', 'g', 'none'].map(name => queryFlag(query, name)),
    [false, false, false, false],
  )
  t.strictSame(
    ['h', 'i', 'none'].map(name => queryNumber(query, name)),
    [12, undefined, undefined],
  )
  for (const name of ['j', 'k', 'a'])
    await fails(t, () => queryNumber(query, name), 'BadRequest', new RegExp(`^${name}: `))
  t.strictSame([isDryRun(['All']), isDryRun([]), isDryRun([''])], [true, false, false])
  await fails(t, () => isDryRun(['All', 'Some']), 'BadRequest', /supported values: "All"/)
})

t.test('warnings fit into headers', async t => {
  t.strictSame(warningHeaders([]), {})
  t.strictSame(warningHeaders(['say "no"\r\nSet-Cookie: x', 'ü', 'ü']), {
    warning: ['299 - "say \\"no\\"??Set-Cookie: x"', '299 - "?"'],
  })
  t.equal(warningHeaders(Array.from({ length: 100 }, (_, i) => String(i)))['warning']?.length, 20)
})

t.test('a fault as Status tells its details, and nothing else of what it knows', async t => {
  const about = { name: 'web', group: 'apps', kind: 'deployments', secret: 'x', retryAfterSeconds: 3 }
  t.strictSame(failureStatus(new Fault('TooManyRequests', 'later', about)), {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'later',
    reason: 'TooManyRequests',
    details: { name: 'web', group: 'apps', kind: 'deployments', retryAfterSeconds: 3 },
    code: 429,
  })
})

t.test('the audit is a line of the log: writes and refusals always, reads on request', async t => {
  const lines: { [fact: string]: unknown }[] = []
  const log = jsonLog({ write: line => lines.push(JSON.parse(line)), level: 'info', now: () => 0 })
  const audit = auditTo(log)
  const entry = { user: 'eva', method: 'GET', path: '/api/v1/pods', status: 200, ms: 1, remoteAddress: '::1' }
  audit({ ...entry, access: { verb: 'list', resource: 'pods' } })
  audit({ ...entry, path: '/healthz', status: 500 })
  audit({ ...entry, access: { verb: 'list', resource: 'pods', namespace: 'shop' }, status: 403, failure: 'no' })
  audit({
    ...entry,
    access: { verb: 'patch', resource: 'pods', subresource: 'status', namespace: 'shop', name: 'web' },
  })
  t.match(lines, [
    { message: 'audit', user: 'eva', verb: 'list', what: 'pods', object: 'shop/', status: 403, failure: 'no' },
    { verb: 'patch', what: 'pods/status', object: 'shop/web', status: 200 },
  ])
  t.equal(lines.length, 2)
})
