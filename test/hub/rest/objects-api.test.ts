import t from 'tap'
import { startKit } from '../../support/rest.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'
const aConfigMap = (name: string, data = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })

t.test('an object is made, read, replaced and deleted', async t => {
  const { ask } = await startKit(t)
  const made = await ask({ path: configMaps, body: aConfigMap('c', { colour: 'blue' }) })
  t.equal(made.status, 201)
  t.match(made.json, { kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default', uid: /./ } })
  t.strictSame((await ask({ path: `${configMaps}/c` })).json, made.json)
  const put = await ask({ method: 'PUT', path: `${configMaps}/c`, body: aConfigMap('c', { colour: 'red' }) })
  t.match(put, { status: 200, json: { data: { colour: 'red' } } })
  t.match(await ask({ path: configMaps }), { json: { kind: 'ConfigMapList', items: [{ data: { colour: 'red' } }] } })
  const gone = await ask({ method: 'DELETE', path: `${configMaps}/c` })
  t.match(gone, {
    status: 200,
    json: { kind: 'Status', status: 'Success', details: { name: 'c', kind: 'configmaps' } },
  })
  t.match(await ask({ path: `${configMaps}/c` }), {
    status: 404,
    json: {
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'NotFound',
      message: 'configmaps "c" not found',
      details: { name: 'c', kind: 'configmaps' },
      code: 404,
    },
  })
})

t.test('who asks for what is not there is told so', async t => {
  const { ask } = await startKit(t)
  for (const path of [
    '/api/v1/sandwiches',
    '/apis/none/v1/things',
    '/api/v2/pods',
    '/nothing',
    '/api/v1/pods/x',
    '/',
  ]) {
    t.match(await ask({ path }), { status: 404, json: { kind: 'Status', reason: 'NotFound' } }, path)
  }
  t.match(await ask({ path: '/api/v1/namespaces/%E0%A4%A/pods' }), { status: 400, json: { reason: 'BadRequest' } })
  t.match(await ask({ method: 'POST', path: `${configMaps}/c`, body: aConfigMap('c') }), { status: 405 })
  t.match(await ask({ method: 'OPTIONS', path: configMaps }), { status: 405 })
})

t.test('a body that is not right says what is wrong with it', async t => {
  const { ask } = await startKit(t)
  const post = (body: unknown, headers = {}, query = '?fieldValidation=Strict') =>
    ask({ path: `${configMaps}${query}`, body, headers })
  t.match(await post('{"apiVersion": "v1", '), { status: 400, json: { reason: 'BadRequest' } })
  t.match(await post({ ...aConfigMap('c'), spec: {} }), {
    status: 400,
    json: { message: /strict decoding error: unknown field "spec"/ },
  })
  t.match(await post({ ...aConfigMap('c'), spec: {} }, {}, '?fieldValidation=Warn'), {
    status: 201,
    headers: { warning: '299 - "unknown field \\"spec\\""' },
  })
  t.match(await post({ ...aConfigMap('d'), apiVersion: 'apps/v1' }), { status: 400, json: { message: /apps\/v1/ } })
  t.match(await post({ ...aConfigMap('d'), metadata: { name: 'd', namespace: 'other' } }), {
    status: 400,
    json: { message: 'the namespace of the provided object does not match the namespace sent on the request' },
  })
  t.match(await post(aConfigMap('Not A Name')), {
    status: 422,
    json: { reason: 'Invalid', details: { kind: 'ConfigMap', causes: [{ field: 'metadata.name' }] } },
  })
  t.match(await post('x', { 'content-type': 'text/plain' }), { status: 415 })
  t.match(await post(aConfigMap('d'), {}, '?fieldValidation=Maybe'), { status: 400 })
  t.match(await post(aConfigMap('d'), {}, '?dryRun=Some'), { status: 400 })
  t.match(await ask({ method: 'PUT', path: `${configMaps}/c`, body: aConfigMap('d') }), {
    status: 400,
    json: { message: 'the name of the object (d) does not match the name on the URL (c)' },
  })
})

t.test('a body above 3 MiB is refused, announced or not', async t => {
  const { ask } = await startKit(t)
  const large = aConfigMap('c', { blob: 'x'.repeat(3 * 1024 * 1024) })
  t.match(await ask({ path: configMaps, body: large }), {
    status: 413,
    json: { reason: 'RequestEntityTooLarge', message: /limit is 3145728/ },
  })
  t.match(await ask({ path: `${configMaps}/c` }), { status: 404 })
})

t.test('a dry run answers as if, and does nothing', async t => {
  const { ask } = await startKit(t)
  t.match(await ask({ path: `${configMaps}?dryRun=All`, body: aConfigMap('c') }), { status: 201 })
  t.match(await ask({ path: `${configMaps}/c` }), { status: 404 })
  await ask({ path: configMaps, body: aConfigMap('c') })
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', dryRun: ['All'] }
  t.match(await ask({ method: 'DELETE', path: `${configMaps}/c`, body }), { status: 200 })
  t.match(await ask({ path: `${configMaps}/c` }), { status: 200 })
})

t.test('lists are selected by labels and fields', async t => {
  const { ask, objects } = await startKit(t)
  for (const [name, labels] of [
    ['a', { app: 'web', tier: 'front' }],
    ['b', { app: 'web' }],
    ['c', {}],
  ] as const) {
    await objects.create('ConfigMap', { metadata: { name, namespace: 'default', labels } })
  }
  const names = async (query: string) => {
    const { json } = await ask({ path: `${configMaps}?${query}` })
    return (json['items'] as { metadata: { name: string } }[]).map(one => one.metadata.name).join('')
  }
  t.equal(await names('labelSelector=app%3Dweb'), 'ab')
  t.equal(await names('labelSelector=app+in+(web),!tier'), 'b')
  t.equal(await names('labelSelector=app!%3Dweb'), 'c')
  t.equal(await names('fieldSelector=metadata.name%3Da'), 'a')
  t.equal(await names('fieldSelector=metadata.name!%3Da&resourceVersion=&limit='), 'bc')
  t.match(await ask({ path: `${configMaps}?fieldSelector=spec.colour%3Dred` }), { status: 400 })
  t.match(await ask({ path: `${configMaps}?labelSelector=%26%26` }), { status: 400 })
})

t.test('a long list comes in pages that show one moment', async t => {
  const { ask, objects, clock } = await startKit(t)
  const add = (name: string) => objects.create('ConfigMap', { metadata: { name, namespace: 'default' } })
  for (const name of ['a', 'c', 'e', 'g']) await add(name)
  type Page = {
    metadata: { continue?: string; remainingItemCount?: number; resourceVersion: string }
    items: { metadata: { name: string } }[]
  }
  const page = async (query: string): Promise<Page> =>
    (await ask({ path: `${configMaps}?limit=2${query}` })).json as unknown as Page
  const names = (of: Page) => of.items.map(one => one.metadata.name).join('')
  const first = await page('')
  t.equal(names(first), 'ac')
  t.equal(first.metadata.remainingItemCount, 2)
  await add('d')
  await add('f')
  const token = encodeURIComponent(first.metadata.continue ?? '')
  const second = await page(`&continue=${token}`)
  t.equal(names(second), 'eg')
  t.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)
  t.equal(second.metadata.continue, undefined)
  clock.now += 10 * 60_000
  const late = await ask({ path: `${configMaps}?limit=2&continue=${token}` })
  t.match(late, { status: 410, json: { reason: 'Expired', metadata: { continue: /./ } } })
  const { continue: fresh } = late.json['metadata'] as { continue: string }
  t.equal(names(await page(`&continue=${encodeURIComponent(fresh)}`)), 'de')
  t.match(await ask({ path: `${configMaps}?limit=2&continue=nonsense` }), { status: 400 })
})

t.test('a list as Table, with the rows that kubectl prints, or as metadata alone', async t => {
  const { ask, objects } = await startKit(t)
  await objects.create('ConfigMap', { metadata: { name: 'c', namespace: 'default' } })
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const table = await ask({ path: configMaps, headers: { accept } })
  t.match(table.json, {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', priority: 0 },
      { name: 'Data' },
      { name: 'Age' },
    ],
    rows: [{ cells: ['c', 0, '0s'], object: { kind: 'PartialObjectMetadata', metadata: { name: 'c' } } }],
  })
  const whole = await ask({ path: `${configMaps}?includeObject=Object`, headers: { accept } })
  t.match(whole.json, { rows: [{ object: { kind: 'ConfigMap' } }] })
  const none = await ask({ path: `${configMaps}/c?includeObject=None`, headers: { accept } })
  t.match(none.json, { kind: 'Table', rows: [{ cells: ['c', 0, '0s'] }] })
  const metadata = await ask({
    path: configMaps,
    headers: {
      accept: 'application/vnd.kubernetes.protobuf, application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    },
  })
  t.match(metadata.json, { kind: 'PartialObjectMetadataList', items: [{ metadata: { name: 'c' } }] })
  t.match(await ask({ path: configMaps, headers: { accept: 'application/vnd.kubernetes.protobuf' } }), { status: 406 })
})

t.test('large answers are compressed for those who like it', async t => {
  const { ask, objects } = await startKit(t)
  await objects.create('ConfigMap', {
    metadata: { name: 'c', namespace: 'default', annotations: { a: 'x'.repeat(5000) } },
  })
  t.equal((await ask({ path: configMaps, headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding'], 'gzip')
  t.equal(
    (await ask({ path: configMaps, headers: { 'accept-encoding': 'identity' } })).headers['content-encoding'],
    undefined,
  )
  t.match((await ask({ path: configMaps })).json, { items: [{}] })
})

t.test('a collection is deleted by selector', async t => {
  const { ask, objects } = await startKit(t)
  for (const name of ['a', 'b']) {
    await objects.create('ConfigMap', { metadata: { name, namespace: 'default', labels: { name } } })
  }
  const deleted = await ask({ method: 'DELETE', path: `${configMaps}?labelSelector=name%3Da` })
  t.match(deleted, { status: 200, json: { kind: 'ConfigMapList', items: [{ metadata: { name: 'a' } }] } })
  t.match((await ask({ path: configMaps })).json, { items: [{ metadata: { name: 'b' } }] })
})

t.test('version and health', async t => {
  const { ask } = await startKit(t)
  for (const path of ['/version', '/version/']) {
    t.match((await ask({ path })).json, { major: '1', minor: '36', gitVersion: /^v1\.36\.\d+\+dunlin-0\.1\.0$/ })
  }
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz/ping']) {
    t.match(await ask({ path, as: path === '/healthz' ? 'nobody' : 'admin' }), { status: 200, text: 'ok' }, path)
  }
})
