import { at, listAt, textAt } from '../../src/cli/shown.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { containersOf, isReady, nodeIsReady, podsOf, podsReady, readPage, startFleet, until } = await import('./kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
// A short keep alive, so that the test need not wait for minutes: the broker notices a silent node 2 to 6 s after its last
// word. Of two that are lost at once one may be noticed 4 s before the other: pods tolerate more than that.
for (const name of ['a', 'b', 'c']) await fleet.addNode(name, ['--keep-alive-seconds', '4'])
const node = (name: string) => {
  const found = fleet.nodes.find(one => one.name === name)
  if (found === undefined) throw new Error(`no node ${name}`)
  return found
}

const manifests = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      tolerations:
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 8 }
        - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 8 }
      containers:
        - name: web
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www']
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080, nodePort: 30082 }]
---
apiVersion: v1
kind: Pod
metadata: { name: tied, labels: { app: tied } }
spec:
  nodeSelector: { kubernetes.io/hostname: a }
  tolerations:
    - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 8 }
  containers: [{ name: tied, image: localhost/dunlin/tools:1, command: [sleep, '10000'] }]
  terminationGracePeriodSeconds: 0
`

const statusOf = async (name: string): Promise<string | undefined> =>
  textAt(
    listAt(await fleet.kube.request('GET', `/api/v1/nodes/${name}`), 'status', 'conditions').find(
      one => at(one, 'type') === 'Ready',
    ),
    'status',
  )

t.test('the pods of a node that is lost for good run and answer on another; what is tied to it stays', async t => {
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '120s'], manifests)
  await podsReady(fleet, 'app=web', 2)
  await podsReady(fleet, 'app=tied', 1)
  const before = await containersOf(fleet, 'app=web')
  const onA = (await podsOf(fleet, 'app=web')).filter(pod => textAt(pod, 'spec', 'nodeName') === 'a').length
  await node('a').machine.powerOff()
  await until('the node’s being Unknown', async () => ((await statusOf('a')) === 'Unknown' ? true : undefined), 60)
  await until(
    'two ready pods on the others',
    async () => {
      const pods = (await podsOf(fleet, 'app=web')).filter(
        pod => isReady(pod) && textAt(pod, 'spec', 'nodeName') !== 'a',
      )
      return pods.length === 2 ? true : undefined
    },
    90,
  )
  for (const name of ['b', 'c'])
    t.match(
      await until(`an answer through ${name}`, () => readPage(`http://${node(name).machine.address}:30082`)),
      /^web-/,
    )
  const [tied] = await podsOf(fleet, 'app=tied')
  t.equal(textAt(tied, 'spec', 'nodeName'), 'a')
  t.equal(textAt(tied, 'metadata', 'deletionTimestamp'), undefined, 'the tied pod stays bound')
  t.match((await fleet.dunlin(['why', 'pod/tied'])).output, /its node a is not well/)
  if (onA === 0) t.strictSame(await containersOf(fleet, 'app=web'), before)
})

t.test('when the node returns, the surplus goes and no other container restarts', async t => {
  const others = new Map([...(await containersOf(fleet, 'app=web'))])
  const kept = (await podsOf(fleet, 'app=web'))
    .filter(pod => isReady(pod) && textAt(pod, 'spec', 'nodeName') !== 'a')
    .map(pod => textAt(pod, 'metadata', 'name'))
  await node('a').machine.powerOn()
  node('a').startAgent()
  await nodeIsReady(fleet.kube, 'a', 90, () => node('a').agent().output().slice(-2000))
  const pods = await podsReady(fleet, 'app=web', 2)
  t.strictSame(
    pods.map(pod => textAt(pod, 'metadata', 'name')).toSorted(),
    kept.toSorted(),
    'those that replaced it stay',
  )
  const now = await containersOf(fleet, 'app=web')
  for (const [name, what] of now) t.equal(what, others.get(name), name)
  await podsReady(fleet, 'app=tied', 1)
})

t.test('when two of three nodes are lost at once, nobody is replaced', async t => {
  const before = (await podsOf(fleet, 'app=web'))
    .map(pod => `${textAt(pod, 'metadata', 'name')} on ${textAt(pod, 'spec', 'nodeName')}`)
    .toSorted()
  await Promise.all([node('b').machine.powerOff(), node('c').machine.powerOff()])
  await until(
    'both nodes being Unknown',
    async () => ((await statusOf('b')) === 'Unknown' && (await statusOf('c')) === 'Unknown' ? true : undefined),
    60,
  )
  await new Promise(resolve => setTimeout(resolve, 13_000))
  const after = (await podsOf(fleet, 'app=web'))
    .map(pod => `${textAt(pod, 'metadata', 'name')} on ${textAt(pod, 'spec', 'nodeName')}`)
    .toSorted()
  t.strictSame(after, before)
})

t.test('a node that is removed is forgotten, and its certificate opens no door any more', async t => {
  await fleet.mustDunlin(['nodes', 'remove', 'c'])
  const list = await fleet.kube.request('GET', '/api/v1/nodes')
  t.strictSame(
    listAt(list, 'items')
      .map(one => textAt(one, 'metadata', 'name'))
      .toSorted(),
    ['a', 'b'],
  )
  await node('c').machine.powerOn()
  node('c').startAgent()
  await until(
    'the refusal’s being told',
    () =>
      /the connection to the broker failed.*(not authorized|refused|revoked)/i.test(node('c').agent().output())
        ? true
        : undefined,
    60,
  )
  const again = await fleet.kube.request('GET', '/api/v1/nodes')
  t.equal(listAt(again, 'items').length, 2)
})
