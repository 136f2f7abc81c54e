import t from 'tap'
import type { KubeObject } from '../../../src/api/types.ts'
import { startKit } from '../../support/rest.ts'

const pods = '/api/v1/namespaces/default/pods'
const aPod = (name: string, spec = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    containers: [
      { name: 'main', image: 'main:1' },
      { name: 'side', image: 'side:1' },
    ],
    ...spec,
  },
})

t.test('the log of a container, which must be named where there are several', async t => {
  const { ask } = await startKit(t)
  await ask({ path: pods, body: aPod('web') })
  const log = await ask({ path: `${pods}/web/log?container=side&follow=True&tailLines=5` })
  t.match(log, { status: 200, text: 'web side says hello\n', headers: { 'content-type': 'text/plain' } })
  t.match(await ask({ path: `${pods}/web/log` }), {
    status: 400,
    json: { message: 'a container name must be specified for pod web, choose one of: [main side]' },
  })
  t.match(await ask({ path: `${pods}/web/log?container=none` }), {
    status: 400,
    json: { message: /it has main, side/ },
  })
  t.match(await ask({ path: `${pods}/web/log?container=side&tailLines=many` }), { status: 400 })
  t.match(await ask({ path: `${pods}/none/log` }), { status: 404 })
})

t.test('a pod is bound once', async t => {
  const { ask, objects } = await startKit(t)
  await ask({ path: pods, body: aPod('web') })
  const bind = (name: string) =>
    ask({ path: `${pods}/web/binding`, body: { metadata: { name: 'web' }, target: { kind: 'Node', name } } })
  t.match(await bind('n1'), { status: 201, json: { status: 'Success' } })
  t.match(objects.get('Pod', { namespace: 'default', name: 'web' }), { spec: { nodeName: 'n1' } })
  t.match(await bind('n2'), { status: 409, json: { message: /already assigned to node "n1"/ } })
})

t.test('an eviction is a deletion with the grace of the pod', async t => {
  const { ask, objects } = await startKit(t)
  await ask({ path: pods, body: aPod('web', { nodeName: 'n1', terminationGracePeriodSeconds: 7 }) })
  const path = `${pods}/web/eviction`
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web', namespace: 'default' } }
  t.match(await ask({ path, body: { ...body, deleteOptions: { dryRun: ['All'] } } }), { status: 201 })
  t.equal(objects.get('Pod', { namespace: 'default', name: 'web' })?.metadata.deletionTimestamp, undefined)
  t.match(await ask({ path, body }), { status: 201, json: { status: 'Success' } })
  const marked = objects.get('Pod', { namespace: 'default', name: 'web' })
  t.equal(marked?.metadata.deletionGracePeriodSeconds, 7)
  t.match(await ask({ path, body: { ...body, metadata: { name: 'other' } } }), { status: 400 })
})

t.test('a marked pod is answered as it is; a gone one with a Status that has its uid', async t => {
  const { ask } = await startKit(t)
  await ask({ path: pods, body: aPod('bound', { nodeName: 'n1' }) })
  const free = await ask({ path: pods, body: aPod('free') })
  t.match(await ask({ method: 'DELETE', path: `${pods}/bound` }), {
    status: 200,
    json: { kind: 'Pod', metadata: { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 30 } },
  })
  const { uid } = free.json['metadata'] as { uid: string }
  t.match(await ask({ method: 'DELETE', path: `${pods}/free` }), { json: { kind: 'Status', details: { uid } } })
  const now = { gracePeriodSeconds: 0, kind: 'DeleteOptions', apiVersion: 'v1' }
  t.match(await ask({ method: 'DELETE', path: `${pods}/bound`, body: now }), { json: { status: 'Success' } })
  t.match(await ask({ method: 'DELETE', path: `${pods}/bound`, body: { ...now, propagationPolicy: 'Sideways' } }), {
    status: 400,
  })
})

t.test('usage is served as metrics.k8s.io, for what is there', async t => {
  const { ask, usage, objects } = await startKit(t)
  const pod = (await ask({ path: pods, body: aPod('web') })).json as unknown as KubeObject
  const of = {
    namespace: 'default',
    containers: [{ name: 'main', cpuNanos: 2_500_000, memoryBytes: 10 * 1024 * 1024 }],
  }
  usage.set('n1', {
    time: '2026-01-02T03:04:05Z',
    windowSeconds: 30,
    node: { cpuNanos: 123_000_000, memoryBytes: 512 * 1024 * 1024 },
    pods: [
      { ...of, name: 'web', uid: pod.metadata.uid ?? '' },
      { ...of, name: 'gone', uid: 'x' },
    ],
  })
  await objects.create('Node', { metadata: { name: 'n1', labels: { room: 'cellar' } } })
  const nodes = '/apis/metrics.k8s.io/v1beta1/nodes'
  t.match((await ask({ path: nodes })).json, {
    kind: 'NodeMetricsList',
    items: [
      {
        metadata: { name: 'n1', labels: { room: 'cellar' } },
        timestamp: '2026-01-02T03:04:05Z',
        window: '30s',
        usage: { cpu: '123000000n', memory: '524288Ki' },
      },
    ],
  })
  t.match((await ask({ path: `${nodes}/n1` })).json, { kind: 'NodeMetrics', metadata: { name: 'n1' } })
  t.match((await ask({ path: `${nodes}?labelSelector=room%3Dattic` })).json, { items: [] })
  t.match(await ask({ path: `${nodes}/n2` }), { status: 404 })
  const { items } = (await ask({ path: '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods' })).json as {
    items: unknown[]
  }
  t.equal(items.length, 1, 'a report of a pod that is gone is nobody’s')
  t.match(items, [
    { metadata: { name: 'web', labels: { app: 'web' } }, containers: [{ name: 'main', usage: { cpu: '2500000n' } }] },
  ])
})
