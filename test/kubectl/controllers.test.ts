import t, { type Test } from 'tap'
import type { Node, Pod, ReplicaSet } from '../../src/api/types.ts'
import { withCondition } from '../../src/core/workloads/conditions.ts'
import { isTerminating, podCondition } from '../../src/core/workloads/pod-facts.ts'
import { admission } from '../../src/hub/controllers/admission.ts'
import { startControllers } from '../../src/hub/controllers/start-controllers.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fetchKubectl, type Kubectl, suites } from './fetch-kubectl.ts'
import { type KubectlKit, startKubectlKit } from './kit.ts'
import { web } from './manifests.ts'

/** What kubectl relies on the controllers for. Nodes are made up: what is bound to them runs at once. */
const stories: { readonly [story: string]: (t: Test, kit: KubectlKit) => Promise<void> } = {
  async 'a roll-out is followed, looked back at and undone'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    t.match(await kubectl.ok('rollout status deploy/web --timeout=30s'), /deployment "web" successfully rolled out/)
    await kubectl.ok('set image deploy/web web=registry.local/web:2')
    t.match(await kubectl.ok('rollout status deploy/web --timeout=30s'), /deployment "web" successfully rolled out/)
    t.match(await kubectl.ok('rollout history deploy/web'), /REVISION +CHANGE-CAUSE\n1 .*\n2 /)
    t.match(await kubectl.ok('rollout history deploy/web --revision=1'), /Image:\s+registry.local\/web:1/)
    t.match(await kubectl.ok('rollout undo deploy/web'), /deployment.apps\/web rolled back/)
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    t.strictSame(images(objects), ['registry.local/web:1', 'registry.local/web:1'])
    t.match(await kubectl.ok('rollout history deploy/web'), /REVISION +CHANGE-CAUSE\n2 .*\n3 /)
    t.match(await kubectl.ok('rollout restart deploy/web'), /deployment.apps\/web restarted/)
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    t.match(await kubectl.ok('get deploy web'), /web +2\/2 +2 +2/)
    t.match(await kubectl.ok('describe deploy web'), /Scaled up replica set web-\w+ from 0 to/)
  },

  async 'a paused roll-out waits, and status says for what'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    await kubectl.ok('rollout pause deploy/web')
    await kubectl.ok('set image deploy/web web=registry.local/web:2')
    const waiting = await kubectl.run('rollout status deploy/web --timeout=2s')
    t.match(`${waiting.stdout}${waiting.stderr}`, /0 out of 2 new replicas have been updated/)
    t.strictSame(images(objects), ['registry.local/web:1', 'registry.local/web:1'])
    await kubectl.ok('rollout resume deploy/web')
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    t.strictSame(images(objects), ['registry.local/web:2', 'registry.local/web:2'])
  },

  async 'scale, wait and delete'(t, { kubectl, objects }) {
    await kubectl.ok('apply -f -', { input: web })
    t.match(
      await kubectl.ok('wait --for=condition=Available deploy/web --timeout=30s'),
      /deployment.apps\/web condition met/,
    )
    await kubectl.ok('scale deploy/web --replicas=4')
    await kubectl.ok(['wait', '--for=jsonpath={.status.readyReplicas}=4', 'deploy/web', '--timeout=30s'])
    t.equal(images(objects).length, 4)
    t.match(await kubectl.ok('wait --for=condition=Ready pod -l app=web --timeout=30s'), /condition met/)
    t.match(await kubectl.ok('get rs'), /web-\w+ +4 +4 +4/)
    await kubectl.ok('delete deploy web --cascade=foreground --timeout=30s')
    t.strictSame(images(objects), [])
    t.strictSame(objects.list<ReplicaSet>('ReplicaSet'), [])
  },

  async 'expose makes a Service with endpoints; a taken node port is refused'(t, { kubectl }) {
    await kubectl.ok('apply -f -', { input: web })
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    t.match(await kubectl.ok('expose deploy web --port=80 --target-port=8080'), /service\/web exposed/)
    t.match(await kubectl.ok('get svc web'), /web +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP/)
    await kubectl.ok([
      'wait',
      '--for=jsonpath={.endpoints[1].conditions.ready}=true',
      'endpointslice',
      '-l',
      'kubernetes.io/service-name=web',
      '--timeout=30s',
    ])
    t.match(await kubectl.ok('describe svc web'), /Endpoints:\s+10\.64\.0\.\d+:8080,10\.64\.0\.\d+:8080/)
    t.match(await kubectl.ok('create service nodeport one --tcp=80:8080 --node-port=31111'), /service\/one created/)
    t.match(await kubectl.run('create service nodeport two --tcp=80:8080 --node-port=31111'), {
      code: 1,
      stderr:
        /Service "two" is invalid: spec.ports\[0\].nodePort: Invalid value: 31111: provided port is already allocated/,
    })
    t.match(await kubectl.run('create service nodeport two --tcp=80:8080 --node-port=80'), {
      code: 1,
      stderr: /provided port is not in the valid range. The range of valid ports is 30000-32767/,
    })
    t.match(await kubectl.ok('create service loadbalancer lb --tcp=80:8080'), /service\/lb created/)
    await kubectl.ok([
      'wait',
      '--for=jsonpath={.status.loadBalancer.ingress[0].ip}=192.168.1.1',
      'svc/lb',
      '--timeout=30s',
    ])
    t.match(
      await kubectl.ok('get svc lb'),
      /lb +LoadBalancer +10\.96\.\d+\.\d+ +192.168.1.1,192.168.1.2 +80:3\d{4}\/TCP/,
    )
  },

  async 'a DaemonSet is on every node, and drain leaves it there'(t, { kubectl, objects }) {
    const daemon = web
      .split('---')[0]!
      .replace('kind: Deployment', 'kind: DaemonSet')
      .replace('  replicas: 2\n', '')
      .replaceAll('app: web', 'app: agent')
      .replaceAll('name: web', 'name: agent')
    await kubectl.ok('apply -f -', { input: `${web}---\n${daemon}` })
    t.match(await kubectl.ok('rollout status ds/agent --timeout=30s'), /daemon set "agent" successfully rolled out/)
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    t.match(await kubectl.ok('get ds'), /agent +2 +2 +2 +2 +2/)
    await kubectl.ok('drain n1 --ignore-daemonsets --timeout=30s')
    await kubectl.ok('rollout status deploy/web --timeout=30s')
    const placed = objects.list<Pod>('Pod').map(pod => `${pod.metadata.labels?.['app']} ${pod.spec?.nodeName}`)
    t.strictSame(placed.toSorted(), ['agent n1', 'agent n2', 'web n2', 'web n2'])
    await kubectl.ok('set image ds/agent agent=registry.local/agent:2')
    t.match(await kubectl.ok('rollout status ds/agent --timeout=30s'), /successfully rolled out/)
  },

  async 'describe says why a pod waits'(t, { kubectl }) {
    await kubectl.ok('apply -f -', { input: web.replace('memory: 32Mi', 'memory: 32Gi') })
    await kubectl.ok(['wait', '--for=condition=PodScheduled=False', 'pod', '-l', 'app=web', '--timeout=30s'])
    t.match(
      await kubectl.ok('describe pods -l app=web --show-events=true'),
      /Warning +FailedScheduling .*default-scheduler +0\/2 nodes are available: 2 Insufficient memory\./,
    )
  },

  async 'a namespace goes with its content, and cannot be filled meanwhile'(t, { kubectl, objects }) {
    await kubectl.ok('create namespace shop')
    await kubectl.ok('apply -n shop -f -', { input: web })
    await kubectl.ok('rollout status -n shop deploy/web --timeout=30s')
    await kubectl.ok('get serviceaccount default -n shop')
    t.match(await kubectl.ok('delete namespace shop --timeout=30s'), /namespace "shop" deleted/)
    t.strictSame(images(objects), [])
  },
}

for (const suite of suites) {
  t.test(`kubectl of ${suite}`, async t => {
    const client = await fetchKubectl(suite)
    t.comment(`kubectl ${client.version}`)
    for (const [story, tell] of Object.entries(stories)) {
      t.test(story, async t => tell(t, await startControlledKit(t, client)))
    }
  })
}

const images = (objects: KubectlKit['objects']): readonly (string | undefined)[] =>
  objects
    .list<Pod>('Pod')
    .filter(pod => !isTerminating(pod))
    .map(pod => pod.spec?.containers[0]?.image)

/** The REST server with all controllers, and two nodes that run what they are told. */
const startControlledKit = async (t: Test, client: Kubectl): Promise<KubectlKit> => {
  const kit = await startKubectlKit(t, client, { admission, now: Date.now })
  const { objects } = kit
  const controllers = startControllers({ objects, clock: systemClock, random: Math.random, log: silentLog })
  t.teardown(() => controllers.close())
  let addresses = 0
  const play = async (pod: Pod): Promise<void> => {
    const key = { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name ?? '' }
    if (isTerminating(pod)) return objects.removeFinally('Pod', key, pod.metadata.uid ?? '')
    if ((pod.spec?.nodeName ?? '') === '' || podCondition(pod, 'Ready')?.status === 'True') return
    addresses += 1
    const podIP = `10.64.0.${addresses}`
    await objects.modify<Pod>(
      'Pod',
      key,
      now => ({
        ...now,
        status: {
          ...now.status,
          phase: 'Running',
          podIP,
          podIPs: [{ ip: podIP }],
          conditions: withCondition(now.status?.conditions, { type: 'Ready', status: 'True' }, Date.now()),
        },
      }),
      { subresource: 'status' },
    )
  }
  const playing = new Set<Promise<void>>()
  const stop = objects.onChange<Pod>('Pod', (_key, now) => {
    if (now === undefined) return
    const one: Promise<void> = play(now).finally(() => playing.delete(one))
    playing.add(one)
  })
  t.teardown(async () => {
    stop()
    await Promise.all(playing)
  })
  for (const [index, name] of ['n1', 'n2'].entries()) {
    const resources = { cpu: '4', memory: '1Gi', pods: '110' }
    const status = {
      capacity: resources,
      allocatable: resources,
      addresses: [{ type: 'InternalIP', address: `192.168.1.${index + 1}` }],
      conditions: [{ type: 'Ready', status: 'True' }],
    }
    await objects.create<Node>('Node', { metadata: { name } })
    await objects.modify<Node>('Node', { namespace: '', name }, now => ({ ...now, status }), { subresource: 'status' })
  }
  return kit
}
