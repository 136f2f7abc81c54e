import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { renew } from '../../src/agent/identity/enrol.ts'
import { startHub } from '../../src/hub/main.ts'
import { restoreBackup } from '../../src/hub/restore.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fails } from '../support/fails.ts'
import { folderOf } from '../support/folder-of.ts'
import { until } from '../support/until.ts'
import { aDevice } from './a-device.ts'
import { aWholeHub, configOf } from './a-whole-hub.ts'

const deployment = (name: string, replicas: number, node?: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'x' }], ...onNode(node) },
    },
  },
})
const onNode = (node: string | undefined) =>
  node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }
const deployments = '/apis/apps/v1/namespaces/default/deployments'

t.test('from a manifest to the assignment of a device that joined with a token', async t => {
  const folder = folderOf(t)
  const { hub, asAdmin, joinToken } = await aWholeHub(t, `${folder}/hub`)
  const device = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await joinToken() })
  t.equal((await asAdmin('POST', deployments, deployment('web', 2))).status, 201)
  const assignment = await until('both pods are in the assignment', () => {
    const now = device.hub.assignment()
    return now?.pods.length === 2 ? now : undefined
  })
  t.equal(assignment.node.name, 'attic')
  t.match(assignment.pods[0]?.spec, { nodeName: 'attic', containers: [{ name: 'main', image: 'x' }] })
  t.match(assignment.network, { clusterCIDR: '10.64.0.0/11', domain: 'cluster.local' })
  const node = await asAdmin('GET', '/api/v1/nodes/attic')
  t.match(node.body, { metadata: { labels: { 'kubernetes.io/hostname': 'attic' } } })
  t.match(hub.fleet, /^[a-z2-7]{10}$/)
})

t.test('a hub that ends and starts again is the same hub: nodes come back, nothing is lost', async t => {
  const folder = folderOf(t)
  const first = await aWholeHub(t, `${folder}/hub`)
  const device = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await first.joinToken() })
  await first.asAdmin('POST', deployments, deployment('web', 1))
  const before = await until('the pod is assigned', () => device.hub.assignment()?.pods[0])
  await first.hub.close()
  const second = await aWholeHub(t, `${folder}/hub`, { argv: first.samePorts })
  t.equal(second.hub.fleet, first.hub.fleet)
  await second.asAdmin('PATCH', `${deployments}/web`, undefined)
  t.equal((await second.asAdmin('POST', deployments, deployment('api', 1))).status, 201)
  await until('the second pod is assigned', () => device.hub.assignment()?.pods.length === 2)
  t.ok(
    device.hub.assignment()?.pods.some(pod => pod.metadata.uid === before.metadata.uid),
    'the first is the same pod',
  )
})

t.test('a removed node is cut off and stays out', async t => {
  const folder = folderOf(t)
  const { asAdmin, joinToken } = await aWholeHub(t, `${folder}/hub`)
  const device = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await joinToken() })
  await until('the device is connected and heard', () => device.hub.assignment())
  t.equal((await asAdmin('DELETE', '/dunlin/v1/nodes/attic')).status, 200)
  await until('the connection is cut', () => !device.hub.isConnected)
  t.equal((await asAdmin('GET', '/api/v1/nodes/attic')).status, 404)
  const again = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic' })
  await new Promise(resolve => setTimeout(resolve, 500))
  t.notOk(again.hub.isConnected)
})

t.test('Secrets lie encrypted in the store', async t => {
  const folder = folderOf(t)
  const { hub, asAdmin } = await aWholeHub(t, `${folder}/hub`)
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    stringData: { password: 'correct-horse' },
  }
  t.equal((await asAdmin('POST', '/api/v1/namespaces/default/secrets', secret)).status, 201)
  const encoded = Buffer.from('correct-horse').toString('base64')
  t.match((await asAdmin('GET', '/api/v1/namespaces/default/secrets/s')).text, encoded)
  await hub.close()
  for (const name of ['hub.db', 'hub.db-wal'].filter(name => existsSync(`${folder}/hub/${name}`))) {
    const bytes = readFileSync(`${folder}/hub/${name}`)
    t.notOk(bytes.includes('correct-horse') || bytes.includes(encoded), name)
  }
})

t.test('the admin kubeconfig is written where it is wanted, for the owner alone', async t => {
  const folder = folderOf(t)
  const { hub } = await aWholeHub(t, `${folder}/hub`, { argv: ['--kubeconfig', `${folder}/kubeconfig`] })
  t.equal(statSync(`${folder}/kubeconfig`).mode & 0o777, 0o600)
  const config = JSON.parse(readFileSync(`${folder}/kubeconfig`, 'utf8'))
  t.equal(config.clusters[0].cluster.server, `https://127.0.0.1:${hub.apiPort}`)
})

t.test('what keeps a hub from starting is named, and everything that was begun is closed again', async t => {
  const folder = folderOf(t)
  const parts = { log: silentLog, clock: systemClock }
  const { hub } = await aWholeHub(t, `${folder}/hub`)
  await fails(t, startHub(configOf(`${folder}/hub`), parts), 'Machine', /lock/)

  await fails(
    t,
    startHub(configOf(`${folder}/b`, '--port', String(hub.apiPort)), parts),
    'Machine',
    /port \d+ .*in use/,
  )
  await fails(
    t,
    startHub(configOf(`${folder}/b`, '--mqtt-port', String(hub.mqttPort)), parts),
    'Machine',
    /MQTT cannot listen/,
  )
  const other = await startHub(configOf(`${folder}/b`), parts)
  await other.close()

  writeFileSync(`${folder}/file`, '')
  await fails(t, startHub(configOf(`${folder}/file`), parts), 'Machine', /data folder .*file cannot be used/)
  renameSync(`${folder}/b/keys`, `${folder}/keys-elsewhere`)
  await fails(
    t,
    startHub(configOf(`${folder}/b`), parts),
    'Machine',
    /holds hub\.db but not its keys; .*dunlin restore/,
  )
  renameSync(`${folder}/keys-elsewhere`, `${folder}/b/keys`)
  renameSync(`${folder}/b/hub.db`, `${folder}/store-elsewhere`)
  await fails(t, startHub(configOf(`${folder}/b`), parts), 'Machine', /keys of a fleet but not its store hub\.db/)
  writeFileSync(`${folder}/b/hub.db`, 'not a store')
  await fails(t, startHub(configOf(`${folder}/b`), parts), 'Machine', /hub\.db/)
})

t.test('a closed hub lets go of its ports and its store', async t => {
  const folder = folderOf(t)
  const { hub, samePorts } = await aWholeHub(t, `${folder}/hub`)
  await Promise.all([hub.close(), hub.close()])
  for (const port of [hub.apiPort, hub.mqttPort]) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.listen(port, '127.0.0.1', resolve).once('error', reject))
    await new Promise(resolve => server.close(resolve))
  }
  const again = await aWholeHub(t, `${folder}/hub`, { argv: samePorts })
  t.equal(again.hub.apiPort, hub.apiPort)
})

t.test('a fleet survives a restore: nodes that joined since are taken back, and obey the restored hub', async t => {
  const folder = folderOf(t)
  const first = await aWholeHub(t, `${folder}/hub`)
  await first.asAdmin('POST', deployments, deployment('old', 1))
  const attic = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await first.joinToken() })
  await until('the first node runs the first pod', () => attic.hub.assignment()?.pods.length === 1)
  const archive = await first.asAdmin('POST', '/dunlin/v1/backup', { passphrase: 'correct horse' })
  writeFileSync(`${folder}/backup`, archive.bytes)
  const open = await first.joinToken()
  const barn = await aDevice(t, { stateFolder: `${folder}/barn`, name: 'barn', token: await first.joinToken() })
  await first.asAdmin('POST', deployments, deployment('new', 1, 'barn'))
  await until('the second node runs the newer pod', () => barn.hub.assignment()?.pods.length === 1)
  await first.hub.close()

  const options = {
    archive: `${folder}/backup`,
    folder: `${folder}/restored`,
    now: Date.now,
    passphrase: 'correct horse',
  }
  const { incarnation } = await restoreBackup(options)
  const second = await aWholeHub(t, `${folder}/restored`, { argv: first.samePorts })
  t.equal(second.hub.fleet, first.hub.fleet)
  await until(
    'the second node is known again',
    async () => (await second.asAdmin('GET', '/api/v1/nodes/barn')).status === 200,
  )
  await until('and runs nothing that the backup does not know', () => barn.hub.assignment()?.pods.length === 0)
  t.equal(attic.hub.assignment()?.pods.length, 1, 'what the backup knows runs on')
  t.ok(incarnation > 0)
  await fails(
    t,
    aDevice(t, { stateFolder: `${folder}/late`, name: 'late', token: open }),
    'Unauthorized',
    /not known here/,
  )
})

t.test('a hub that listens on one address names that one, and no other of the machine', async t => {
  const hub = await startHub(
    { ...configOf(`${folderOf(t)}/hub`), advertise: [] },
    { log: silentLog, clock: systemClock },
  )
  t.teardown(() => hub.close())
  t.strictSame(hub.addresses, [`127.0.0.1:${hub.apiPort}`])
})

t.test('a node whose certificate ended while it was off is let in again by proof of its key', async t => {
  const folder = folderOf(t)
  let years = 0
  const clock = { ...systemClock, now: () => systemClock.now() + years * 366 * 86_400_000 }
  const { joinToken } = await aWholeHub(t, `${folder}/hub`, { clock })
  const before = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await joinToken() })
  await until('it is connected', () => before.hub.isConnected)
  await before.close()
  years = 3
  const after = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic' })
  await new Promise(resolve => setTimeout(resolve, 500))
  t.notOk(after.hub.isConnected, 'the old certificate has ended')
  await renew(after.identity, new AbortController().signal)
  await until('the new certificate is used for the next connection', () => after.hub.isConnected)
  t.equal(after.identity.membership?.node.uid, before.identity.membership?.node.uid, 'it is the same node')
})
