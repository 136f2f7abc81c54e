import { request } from 'node:https'
import t, { type Test } from 'tap'
import { hubMetrics } from '../../../src/hub/metrics/hub-metrics.ts'
import { nodeSeries } from '../../../src/hub/metrics/node-series.ts'
import { stateMetrics } from '../../../src/hub/metrics/state-metrics.ts'
import type { MetricTable } from '../../../src/lib/exposition.ts'
import { type ReadFamily, readExposition, valueIn } from '../../support/exposition.ts'
import { folderOf } from '../../support/folder-of.ts'
import { until } from '../../support/until.ts'
import { aDevice } from '../a-device.ts'
import { ask, aWholeHub } from '../a-whole-hub.ts'

const folder = folderOf(t)
const { hub, ca, admin, asAdmin, joinToken } = await aWholeHub(t, `${folder}/hub`)
const attic = await aDevice(t, { stateFolder: `${folder}/attic`, token: await joinToken(), name: 'attic' })

const scrape = async (path = '/metrics'): Promise<ReadonlyMap<string, ReadFamily>> => {
  const answer = await asAdmin('GET', path)
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
  return readExposition(answer.text)
}

const onAttic = (name: string) => ({
  metadata: { name, namespace: 'default' },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '250m' } } }] },
})
const pods = '/api/v1/namespaces/default/pods'

await until('attic is connected', async () => valueIn(await scrape(), 'dunlin_nodes', { state: 'connected' }) === 1)
await asAdmin('POST', pods, onAttic('web'))
await asAdmin('POST', pods, { ...onAttic('elsewhere'), spec: { ...onAttic('').spec, nodeName: 'barn' } })

/** Both ways: what is promised is there, and what is there was promised, with this type and these labels. */
const isTable = (t: Test, families: ReadonlyMap<string, ReadFamily>, table: MetricTable): void => {
  t.strictSame([...families.keys()].toSorted(), Object.keys(table).toSorted())
  for (const [name, { type, help, labels = [] }] of Object.entries(table)) {
    t.match(families.get(name), { type, help }, name)
    for (const key of families.get(name)?.series.keys() ?? []) {
      const named = [...key.matchAll(/[{,]([a-zA-Z_]+)=/g)].map(([, label]) => label).filter(label => label !== 'le')
      t.strictSame(named, labels, key)
    }
  }
}

t.test('/metrics shows every metric of the table and no other, and each has its source', async t => {
  const families = await scrape()
  isTable(t, families, hubMetrics)
  // Of these there is nothing to tell in a short and peaceful life.
  const eventful = [
    'apiserver_longrunning_requests',
    'apiserver_watch_events_total',
    'apiserver_terminated_watchers_total',
  ]
  eventful.push('apiserver_dropped_requests_total', 'apiserver_tls_handshake_errors_total', 'workqueue_retries_total')
  eventful.push('dunlin_documents_resent_total', 'dunlin_node_messages_refused_total', 'dunlin_commands_total')
  eventful.push('dunlin_tls_handshakes_evicted_total', 'dunlin_http_connections_refused_total')
  const silent = [...families.values()].filter(one => one.series.size === 0).map(one => one.name)
  t.strictSame(
    silent.filter(name => !eventful.includes(name)),
    [],
  )
})

t.test('requests are counted by what was asked, not by what was written', async t => {
  const labels = { verb: 'LIST', resource: 'pods', scope: 'namespace', code: '200' }
  const before = valueIn(await scrape(), 'apiserver_request_total', labels) ?? 0
  await asAdmin('GET', pods)
  await asAdmin('GET', `${pods}?limit=5`)
  for (const name of ['a', 'b', 'c']) await asAdmin('GET', `/apis/made-up-${name}/v1/things-${name}`)
  await ask({ port: hub.apiPort, ca, method: 'GET', path: pods })
  const families = await scrape()
  t.equal(valueIn(families, 'apiserver_request_total', labels), before + 2)
  t.equal(valueIn(families, 'apiserver_request_total', { resource: 'unknown', code: '404' }), 3)
  t.equal(valueIn(families, 'apiserver_request_total', { resource: 'pods', code: '401' }), 1)
  t.ok((valueIn(families, 'authentication_attempts', { result: 'anonymous' }) ?? 0) >= 1)
})

t.test('an open watch is seen while it is open, with its events', async t => {
  const tls = { ca, cert: admin.certificate, key: admin.key, agent: false }
  const watch = request({ host: '127.0.0.1', port: hub.apiPort, path: `${pods}?watch=true`, ...tls })
  watch.on('error', () => {})
  watch.on('response', answer => answer.resume())
  watch.end()
  const open = async () =>
    valueIn(await scrape(), 'apiserver_longrunning_requests', { verb: 'WATCH', resource: 'pods' })
  await until('the watch is open', async () => (await open()) === 1)
  await asAdmin('POST', pods, { ...onAttic('brief'), metadata: { name: 'brief', namespace: 'default' } })
  await until('its events', async () => (valueIn(await scrape(), 'apiserver_watch_events_total') ?? 0) >= 1)
  watch.destroy()
  t.equal(await until('the watch is gone', async () => (await open()) === 0), true)
})

t.test('work of the store, the broker, the queues and the fleet is in it', async t => {
  const families = await scrape()
  const grown = [
    ...['dunlin_store_transactions_total', 'dunlin_store_written_bytes_total', 'dunlin_store_size_bytes'],
    ...['dunlin_broker_connects_total', 'dunlin_broker_bytes_total', 'dunlin_broker_messages_total'],
    ...['workqueue_adds_total', 'dunlin_documents_rendered_total', 'dunlin_documents_sent_total'],
    ...['dunlin_node_messages_total', 'process_resident_memory_bytes', 'process_open_fds', 'process_max_fds'],
    ...['process_cpu_seconds_total', 'process_start_time_seconds', 'nodejs_heap_size_used_bytes'],
  ]
  for (const name of grown) t.ok((valueIn(families, name) ?? 0) > 0, name)
  t.equal(valueIn(families, 'apiserver_storage_objects', { resource: 'nodes' }), 1)
  t.equal(valueIn(families, 'dunlin_broker_connections', { role: 'node' }), 1)
})

t.test('/metrics/state says of the objects what kube-state-metrics would', async t => {
  const families = await scrape('/metrics/state')
  isTable(t, families, stateMetrics)
  t.equal(valueIn(families, 'kube_node_status_condition', { node: 'attic', condition: 'Ready', status: 'true' }), 1)
  t.equal(valueIn(families, 'kube_node_status_capacity', { resource: 'memory', unit: 'byte' }), 4 * 1024 ** 3)
  t.equal(valueIn(families, 'kube_pod_status_phase', { pod: 'web', phase: 'Pending' }), 1)
  t.equal(valueIn(families, 'kube_pod_status_phase', { pod: 'web' }), 1)
  t.equal(valueIn(families, 'kube_pod_container_resource_requests', { pod: 'web', resource: 'cpu' }), 0.25)
  t.equal(valueIn(families, 'kube_namespace_status_phase', { namespace: 'default', phase: 'Active' }), 1)
})

t.test('/metrics/nodes shows what nodes say of themselves and of their own pods', async t => {
  attic.hub.telemetry('node', 'data', { time: '2026-01-01T00:00:00Z', sequence: 0, cpu_seconds: 120, pods_running: 2 })
  const ofPod = { time: '2026-01-01T00:00:00Z', sequence: 0, cpu_seconds: 3.5, memory_bytes: 1e6 }
  for (const name of ['web', 'elsewhere', 'unheard-of']) attic.hub.telemetry(`pod.default.${name}`, 'data', ofPod)
  attic.hub.telemetry('node', 'data', { time: 'x', sequence: 1, memory_used_bytes: 5e8, cpu_seconds: 'many' })
  await until('telemetry', async () => valueIn(await scrape('/metrics/nodes'), 'node_memory_working_set_bytes') === 5e8)
  const families = await scrape('/metrics/nodes')
  isTable(t, families, nodeSeries)
  t.equal(valueIn(families, 'node_cpu_usage_seconds_total', { node: 'attic' }), 120, 'the last that could be read')
  t.equal(valueIn(families, 'kubelet_running_pods', { node: 'attic' }), 2)
  t.equal(valueIn(families, 'dunlin_node_connected', { node: 'attic' }), 1)
  t.strictSame(
    [...(families.get('pod_memory_working_set_bytes')?.series ?? [])],
    [['pod_memory_working_set_bytes{node="attic",namespace="default",pod="web"}', 1e6]],
  )
  const one = await scrape('/api/v1/nodes/attic/proxy/metrics/cadvisor')
  t.strictSame(one.get('pod_cpu_usage_seconds_total'), families.get('pod_cpu_usage_seconds_total'))
  t.equal((await asAdmin('GET', '/api/v1/nodes/barn/proxy/metrics')).status, 404)
  t.match(await asAdmin('GET', '/api/v1/nodes/attic/proxy/stats/summary'), { status: 404, text: /metrics\/cadvisor/ })
})

t.test('containers are shown as their node reports them', async t => {
  const containers = [{ name: 'main', cpuNanos: 5e7, memoryBytes: 2e6, cpuSeconds: 12.5 }]
  const usage = {
    time: '2026-01-01T00:00:00Z',
    windowSeconds: 60,
    node: { cpuNanos: 1, memoryBytes: 1 },
    pods: [
      { namespace: 'default', name: 'web', uid: 'u', containers },
      { namespace: 'default', name: 'elsewhere', uid: 'v', containers },
    ],
  }
  await attic.hub.report({ usage })
  const find = async () => (await scrape('/metrics/nodes')).get('container_cpu_usage_seconds_total')?.series
  await until('the report', async () => (await find())?.size === 1)
  const labels = 'node="attic",namespace="default",pod="web",container="main"'
  t.strictSame([...((await find()) ?? [])], [[`container_cpu_usage_seconds_total{${labels}}`, 12.5]])
})

t.test('only who may is answered: RBAC knows the paths as Kubernetes does', async t => {
  const strangers = { port: hub.apiPort, ca, method: 'GET' }
  for (const path of ['/metrics', '/metrics/state', '/metrics/nodes', '/api/v1/nodes/attic/proxy/metrics'])
    t.equal((await ask({ ...strangers, path })).status, 401, path)
  const accounts = '/api/v1/namespaces/default/serviceaccounts'
  await asAdmin('POST', accounts, { metadata: { name: 'prometheus' } })
  const made = await asAdmin('POST', `${accounts}/prometheus/token`, { spec: { expirationSeconds: 3600 } })
  const token = String((made.body['status'] as { readonly token?: string })?.token)
  const get = async (path: string) => (await ask({ ...strangers, token, path })).status
  t.equal(await get('/metrics'), 403)
  const bound = await asAdmin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'prometheus' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:monitoring' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'prometheus' }],
  })
  t.equal(bound.status, 201)
  for (const path of ['/metrics', '/metrics/state', '/metrics/nodes', '/livez/ping'])
    t.equal(await get(path), 200, path)
  t.equal(await get('/api/v1/nodes/attic/proxy/metrics'), 403, 'that is another right')
  t.equal(await get('/api/v1/namespaces/default/secrets'), 403)
})

t.test('a node that was removed is forgotten', async t => {
  await asAdmin('DELETE', '/dunlin/v1/nodes/attic')
  await until('it is gone', async () => {
    const families = await scrape('/metrics/nodes')
    return (
      valueIn(families, 'node_cpu_usage_seconds_total') === undefined &&
      valueIn(families, 'dunlin_node_connected') === undefined
    )
  })
  t.pass()
})
