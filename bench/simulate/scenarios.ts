import { setTimeout as sleep } from 'node:timers/promises'
import { at } from '../../src/cli/shown.ts'
import type { ScenarioName, SimulateOptions } from './options.ts'
import { cutAll, cutHalf, firstHalf, mendHalf } from './own-network.ts'
import { quantile, type Stage, until } from './play.ts'
import { simulatedImage } from './simulated-node.ts'
import type { SeenObject, Watched } from './watched.ts'

export interface Scene extends Stage {
  readonly options: SimulateOptions
  readonly pods: Watched
  readonly fleet: Watched
}

/** What a scenario tells: figures by name. */
type Scenario = (scene: Scene) => Promise<{ readonly [name: string]: number }>

const day = 86_400_000
/** Time that the hub sees pass while half the fleet is away: longer than its silence and every toleration. */
const awayMs = 600_000
/** After this long a scenario has failed. */
const patienceSeconds = 900

export const scenarios: { readonly [Name in ScenarioName]: Scenario } = {
  /** A DaemonSet for each pod that every node is to have. */
  async fill(scene) {
    const { options, pods, hub } = scene
    const begun = Date.now()
    for (let number = 0; number < options.pods; number += 1) {
      await hub.kube.request('POST', '/apis/apps/v1/namespaces/default/daemonsets', { body: daemonSet(number) })
    }
    const wanted = options.pods * options.nodes
    await until(scene, 'pods ready', async () => ({ done: pods.count(isUp), of: wanted }), patienceSeconds)
    return times(pods, begun, () => true)
  },

  async steady({ options, say }) {
    const { steadySeconds } = options
    for (let passed = 0; passed < steadySeconds; passed += 10) {
      await sleep(Math.min(10, steadySeconds - passed) * 1000)
      if (steadySeconds > 30) say(`  steady for ${Math.min(passed + 10, steadySeconds)} s`)
    }
    return {}
  },

  /** A Service before it, so that every node hears of every endpoint. */
  async deploy(scene) {
    const { hub, options, pods } = scene
    await hub.kube.request('POST', '/api/v1/namespaces/default/services', { body: service })
    const begun = Date.now()
    await hub.kube.request('POST', '/apis/apps/v1/namespaces/default/deployments', { body: deployment(options, '1') })
    await until(
      scene,
      'replicas ready',
      async () => ({ done: pods.count(isUpOf('web')), of: options.replicas }),
      patienceSeconds,
    )
    return times(pods, begun, one => one.app === 'web')
  },

  async update(scene) {
    const { hub, options, pods } = scene
    const begun = Date.now()
    const { spec } = deployment(options, '2')
    const path = '/apis/apps/v1/namespaces/default/deployments/web'
    const contentType = 'application/merge-patch+json'
    const patched = await hub.kube.request('PATCH', path, { body: { spec }, contentType })
    const generation = Number(at(patched, 'metadata', 'generation'))
    const look = async () => {
      const { status } = Object(await hub.kube.request('GET', path))
      const isSeen = Number(at(status, 'observedGeneration')) >= generation
      const updated = Number(at(status, 'updatedReplicas') ?? 0)
      const isLast = Number(at(status, 'replicas')) === options.replicas
      const available = Number(at(status, 'availableReplicas') ?? 0)
      return {
        done: isSeen && isLast ? Math.min(updated, available) : Math.min(updated, options.replicas - 1),
        of: options.replicas,
      }
    }
    await until(scene, 'replicas updated', look, patienceSeconds)
    const { p50, p99, last } = times(pods, begun, one => one.app === 'web' && (one.readyAt ?? 0) > begun)
    await until(
      scene,
      'old replicas gone',
      async () => ({ done: -pods.count(one => one.app === 'web'), of: -options.replicas }),
      patienceSeconds,
    )
    return { p50, p99, last, 'old gone after': (Date.now() - begun) / 1000 }
  },

  /** Every connection breaks at once. */
  async cut(scene) {
    const begun = Date.now()
    await cutAll()
    return await allBack(scene, begun)
  },

  async kill(scene) {
    const begun = Date.now()
    await scene.hub.kill()
    await scene.hub.start()
    const answered = (Date.now() - begun) / 1000
    return { 'hub answers after': answered, ...(await allBack(scene, begun)) }
  },

  /** More than half the fleet loses its link; the hub sees ten minutes pass and its wall clock jump by a day. */
  async away(scene) {
    const { hub, options, fleet, pods, nodes } = scene
    const before = await nodes.counts()
    const uids = new Set(pods.objects.keys())
    const lost = firstHalf(options.nodes)
    await cutHalf()
    await hub.moveClock({ jumpMs: day - awayMs, passMs: awayMs })
    await until(
      scene,
      'nodes known to be lost',
      async () => ({ done: fleet.count(one => one.isUnknown), of: lost }),
      patienceSeconds,
    )
    const lostToo = fleet.count(one => one.isUnknown) - lost
    const begun = Date.now()
    mendHalf()
    const back = await allBack(scene, begun, lost)
    const after = await nodes.counts()
    return {
      ...back,
      'nodes lost': lost,
      'others thought lost': lostToo,
      'pods replaced': [...pods.objects.keys()].filter(uid => !uids.has(uid)).length,
      'containers stopped': after.containersStopped - before.containersStopped,
    }
  },
}

/** Until so many nodes were greeted again, and the hub shows all of them and their pods ready. */
const allBack = async (scene: Scene, since: number, wanted = scene.options.nodes) => {
  const { nodes, fleet, pods, options } = scene
  const before = await nodes.counts()
  let latest = before
  const greeted = async () => {
    latest = await nodes.counts(since)
    return { done: latest.greeted, of: wanted }
  }
  await until(scene, 'nodes greeted', greeted, patienceSeconds)
  const all = pods.objects.size
  await until(
    scene,
    'nodes ready',
    async () => ({ done: fleet.count(one => one.isReady), of: options.nodes }),
    patienceSeconds,
  )
  await until(scene, 'pods ready', async () => ({ done: pods.count(isUp), of: all }), patienceSeconds)
  const after = await nodes.counts()
  return {
    'greeted after': (latest.lastGreetedAt - since) / 1000,
    'all ready after': (Date.now() - since) / 1000,
    'containers started': after.containersStarted - before.containersStarted,
  }
}

const isUp = (one: SeenObject): boolean => one.isReady && !one.isTerminating
const isUpOf =
  (app: string) =>
  (one: SeenObject): boolean =>
    one.app === app && isUp(one)

/** Seconds from `begun` until the pods were seen Ready. */
const times = (pods: Watched, begun: number, which: (one: SeenObject) => boolean) => {
  const all = [...pods.objects.values()]
    .filter(which)
    .flatMap(one => (one.readyAt === undefined ? [] : [(one.readyAt - begun) / 1000]))
  return { p50: quantile(all, 0.5), p99: quantile(all, 0.99), last: quantile(all, 1) }
}

const podSpec = (word: string) => ({
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'main',
      image: simulatedImage,
      imagePullPolicy: 'Never',
      env: [{ name: 'WORD', value: word }],
      ports: [{ name: 'http', containerPort: 8080 }],
      resources: { requests: { cpu: '5m', memory: '4Mi' } },
    },
  ],
})

const daemonSet = (number: number) => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: `base-${number}` },
  spec: {
    selector: { matchLabels: { app: `base-${number}` } },
    template: { metadata: { labels: { app: `base-${number}` } }, spec: podSpec('1') },
  },
})

const deployment = (options: SimulateOptions, word: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: options.replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec(word) },
  },
})

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
}
