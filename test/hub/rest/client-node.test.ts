import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'
import t from 'tap'
import { kubeconfig } from '../../../src/hub/identity/kubeconfig.ts'
import { type RestKit, startKit } from '../../support/rest.ts'

/** The official JavaScript client, as admin. */
const configured = (kit: RestKit): KubeConfig => {
  const config = new KubeConfig()
  const of = { fleet: kit.keys.fleet, server: kit.url, ca: kit.keys.ca.pem, user: 'admin', credentials: kit.keys.admin }
  config.loadFromString(kubeconfig(of))
  return config
}

t.test('the JavaScript client makes, lists, patches and deletes', async t => {
  const kit = await startKit(t)
  const config = configured(kit)
  const core = config.makeApiClient(CoreV1Api)
  const namespace = 'default'
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'c' }, data: { a: 'b' } } })
  const listed = await core.listNamespacedConfigMap({ namespace, limit: 10, labelSelector: '' })
  t.strictSame(
    listed.items.map(one => one.metadata?.name),
    ['c'],
  )
  const patched = await core.patchNamespacedConfigMap(
    { namespace, name: 'c', body: { data: { a: 'c' } } },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  )
  t.strictSame(patched.data, { a: 'c' })
  await core.deleteNamespacedConfigMap({ namespace, name: 'c' })
  await t.rejects(core.readNamespacedConfigMap({ namespace, name: 'c' }), { code: 404 } as never)
  const apps = config.makeApiClient(AppsV1Api)
  t.strictSame((await apps.listDeploymentForAllNamespaces()).items, [])
})

t.test('an informer follows what happens', async t => {
  const kit = await startKit(t)
  const config = configured(kit)
  const core = config.makeApiClient(CoreV1Api)
  const path = '/api/v1/namespaces/default/configmaps'
  const informer = makeInformer(config, path, () => core.listNamespacedConfigMap({ namespace: 'default' }))
  const seen: string[] = []
  const told = { wake: () => {} }
  const until = async (what: string): Promise<void> => {
    while (!seen.includes(what)) {
      await new Promise<void>(resolve => {
        told.wake = resolve
      })
    }
  }
  for (const event of ['add', 'update', 'delete'] as const) {
    informer.on(event, object => {
      seen.push(`${event} ${object.metadata?.name}`)
      told.wake()
    })
  }
  await informer.start()
  await kit.objects.create('ConfigMap', { metadata: { name: 'a', namespace: 'default' } })
  await until('add a')
  await kit.objects.delete('ConfigMap', { namespace: 'default', name: 'a' })
  await until('delete a')
  await informer.stop()
  t.pass('told')
})
