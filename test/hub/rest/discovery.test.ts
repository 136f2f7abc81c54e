import t from 'tap'
import { startKit } from '../../support/rest.ts'

t.test('discovery in its classic form', async t => {
  const { ask } = await startKit(t)
  t.match((await ask({ path: '/api' })).json, { kind: 'APIVersions', versions: ['v1'] })
  t.match((await ask({ path: '/apis/' })).json, { kind: 'APIGroupList' })
  t.match((await ask({ path: '/apis/apps' })).json, { kind: 'APIGroup', preferredVersion: { groupVersion: 'apps/v1' } })
  const core = (await ask({ path: '/api/v1?timeout=32s' })).json as { resources?: { name: string }[] }
  const names = core.resources?.map(one => one.name) ?? []
  for (const name of ['pods', 'pods/log', 'pods/eviction', 'serviceaccounts/token']) t.ok(names.includes(name), name)
  t.match((await ask({ path: '/apis/dunlin.io' })).json, { preferredVersion: { groupVersion: 'dunlin.io/v1' } })
  t.match((await ask({ path: '/apis/apps/v1' })).json, { kind: 'APIResourceList', groupVersion: 'apps/v1' })
  for (const path of ['/apis/none', '/apis/apps/v7', '/api/v7']) t.match(await ask({ path }), { status: 404 }, path)
})

t.test('discovery in one document, in the version that the client names first', async t => {
  const { ask } = await startKit(t)
  const entry = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
  for (const version of ['v2', 'v2beta1']) {
    const accept = `${entry(version)},application/json`
    const found = await ask({ path: '/apis', headers: { accept } })
    t.match(found.json, { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}` })
    t.equal(found.headers['content-type'], entry(version))
  }
  const unknown = await ask({ path: '/apis', headers: { accept: `${entry('v9')},application/json` } })
  t.match(unknown, { headers: { 'content-type': 'application/json' }, json: { kind: 'APIGroupList' } })
})

t.test('OpenAPI v3: an index, and documents that clients may keep', async t => {
  const { ask } = await startKit(t)
  const index = (await ask({ path: '/openapi/v3' })).json as {
    paths: { [name: string]: { serverRelativeURL: string } }
  }
  const path = index.paths['apis/apps/v1']?.serverRelativeURL ?? ''
  const found = await ask({ path, headers: { 'accept-encoding': 'gzip' } })
  t.match(found, { status: 200, headers: { 'cache-control': /immutable/, 'content-encoding': 'gzip', etag: /^".+"$/ } })
  const again = await ask({ path, headers: { 'if-none-match': found.headers.etag ?? '' } })
  t.match(again, { status: 304, text: '' })
  t.match(await ask({ path: '/openapi/v3/apis/none/v1' }), { status: 404 })
  t.match(await ask({ path: '/openapi/v2' }), { status: 200, json: { swagger: '2.0' } })
})
