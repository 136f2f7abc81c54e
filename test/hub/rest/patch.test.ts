import t from 'tap'
import { startKit } from '../../support/rest.ts'

const deployments = '/apis/apps/v1/namespaces/default/deployments'
const aDeployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:1' },
        ],
      },
    },
  },
})

const types = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

const started = async (t: Parameters<typeof startKit>[0]) => {
  const kit = await startKit(t)
  await kit.ask({ path: deployments, body: aDeployment('web') })
  const patch = (type: keyof typeof types, body: unknown, path = `${deployments}/web`) =>
    kit.ask({ method: 'PATCH', path, body, headers: { 'content-type': types[type] } })
  return { ...kit, patch }
}

t.test('the three patches and the apply patch', async t => {
  const { patch } = await started(t)
  const merged = await patch('merge', { metadata: { labels: { app: null, tier: 'front' } } })
  t.strictSame((merged.json['metadata'] as { labels: unknown }).labels, { tier: 'front' })
  const containers = [{ name: 'b', image: 'b:2' }]
  t.match(await patch('strategic', { spec: { template: { spec: { containers } } } }), {
    status: 200,
    json: {
      metadata: { generation: 2 },
      spec: { template: { spec: { containers: [{ image: 'a:1' }, { image: 'b:2' }] } } },
    },
  })
  const replace = [{ op: 'replace', path: '/spec/replicas', value: 3 }]
  t.match(await patch('json', replace), { status: 200, json: { spec: { replicas: 3 }, metadata: { generation: 3 } } })
  const applied = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { paused: true } }
  t.match(await patch('apply', applied, `${deployments}/web?fieldManager=me`), {
    status: 200,
    json: { spec: { paused: true, replicas: 3 } },
  })
  const fresh = await patch('apply', aDeployment('new'), `${deployments}/new?fieldManager=me`)
  t.match(fresh, { status: 201, json: { metadata: { name: 'new' } } })
})

t.test('a patch that cannot be says why, and changes nothing', async t => {
  const { patch, ask, objects } = await started(t)
  const before = objects.revision
  t.match(await patch('merge', { spec: { replcas: 3 } }, `${deployments}/web?fieldValidation=Strict`), {
    status: 400,
    json: { message: /unknown field "spec.replcas"/ },
  })
  t.match(await patch('merge', { spec: { replicas: -1 } }), { status: 422, json: { reason: 'Invalid' } })
  t.match(await patch('merge', { spec: { replicas: 'three' } }), { status: 400 })
  t.match(await patch('merge', { metadata: { name: 'other' } }), { status: 400 })
  t.match(await patch('merge', { metadata: { uid: 'other' } }), { status: 409, json: { reason: 'Conflict' } })
  t.match(await patch('merge', { metadata: { resourceVersion: '1' } }), { status: 409, json: { reason: 'Conflict' } })
  t.match(await patch('json', [{ op: 'test', path: '/spec/replicas', value: 7 }]), { status: 422 })
  t.match(await patch('merge', {}, `${deployments}/none`), { status: 404 })
  t.match(await patch('merge', { spec: { replicas: 9 } }, `${deployments}/web?dryRun=All`), {
    status: 200,
    json: { spec: { replicas: 9 } },
  })
  t.match(await patch('merge', { spec: { selector: { matchLabels: { app: 'x' } } } }), { status: 422 })
  const odd = { method: 'PATCH', path: `${deployments}/web`, body: {}, headers: { 'content-type': 'application/json' } }
  t.match(await ask(odd), { status: 415, json: { reason: 'UnsupportedMediaType' } })
  t.equal(objects.revision, before)
})

t.test('of patches at once, none is lost', async t => {
  const { patch, objects } = await started(t)
  const names = ['a', 'b', 'c', 'd', 'e']
  const done = await Promise.all(names.map(name => patch('merge', { metadata: { labels: { [name]: 'x' } } })))
  t.strictSame(
    done.map(one => one.status),
    [200, 200, 200, 200, 200],
  )
  const labels = objects.get('Deployment', { namespace: 'default', name: 'web' })?.metadata.labels ?? {}
  for (const name of names) t.equal(labels[name], 'x')
})

t.test('status has a door of its own', async t => {
  const { patch, objects } = await started(t)
  t.match(await patch('merge', { spec: { replicas: 7 }, status: { replicas: 2 } }, `${deployments}/web/status`), {
    status: 200,
    json: { spec: { replicas: 1 }, status: { replicas: 2 } },
  })
  await patch('merge', { status: { replicas: 9 } })
  t.match(objects.get('Deployment', { namespace: 'default', name: 'web' }), { status: { replicas: 2 } })
})

t.test('scale is read, put and patched for any kind that has replicas', async t => {
  const { patch, ask } = await started(t)
  const path = `${deployments}/web/scale`
  t.match(await ask({ path }), {
    json: {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=web' },
    },
  })
  t.match(await patch('merge', { spec: { replicas: 4 } }, path), {
    status: 200,
    json: { kind: 'Scale', spec: { replicas: 4 } },
  })
  const { json } = await ask({ path })
  t.match(await ask({ method: 'PUT', path, body: { ...json, spec: { replicas: 0 } } }), {
    status: 200,
    json: { spec: {} },
  })
  t.match(await ask({ method: 'PUT', path, body: { ...json, spec: { replicas: 5 } } }), { status: 409 })
  t.match(await patch('merge', { spec: { replicas: -2 } }, path), { status: 422 })
  t.match(await ask({ path: `${deployments}/web` }), { json: { spec: { replicas: 0 }, metadata: { generation: 3 } } })
})
