import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { at, listAt, textAt } from '../../src/cli/shown.ts'
import { mustRun } from '../../src/runtime-podman/run-program.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { containersOf, podsOf, podsReady, readPage, startFleet, until } = await import('./kit.ts')

/** Of another agent on this machine: a world begins with the machine's mounts. */
const othersMounts = new Set(readFileSync('/proc/mounts', 'utf8').split('\n'))
const fleet = await startFleet(world)
t.teardown(() => fleet.close())
for (const name of ['a', 'b', 'c']) await fleet.addNode(name)

const deployment = (of: { readonly replicas: number; readonly says: string }): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${of.replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'mkdir -p /www && echo "${of.says} $(hostname)" > /www/index.html && exec httpd -f -p 8080 -h /www']
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { port: http }, periodSeconds: 1 }
          lifecycle: { preStop: { sleep: { seconds: 1 } } }
      terminationGracePeriodSeconds: 5
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: http, nodePort: 30081 }]
`

t.test('a Deployment is spread over the nodes, and its Service answers from every one of them', async t => {
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '120s'], deployment({ replicas: 3, says: 'one' }))
  const pods = await podsReady(fleet, 'app=web', 3)
  t.equal(new Set(pods.map(pod => textAt(pod, 'spec', 'nodeName'))).size, 3, 'one pod a node')
  for (const node of fleet.nodes) {
    const seen = new Set<string>()
    await until(`all three pods answering through ${node.name}`, async () => {
      seen.add((await readPage(`http://${node.machine.address}:30081`)).trim())
      return seen.size === 3 ? true : undefined
    })
    t.equal(seen.size, 3, `through ${node.name}`)
  }
})

t.test('a node without a pod of the Service answers for it', async t => {
  await fleet.mustDunlin(['scale', '--replicas=1', 'deploy/web'])
  const [pod] = await podsReady(fleet, 'app=web', 1)
  const others = fleet.nodes.filter(node => node.name !== textAt(pod, 'spec', 'nodeName'))
  t.equal(others.length, 2)
  for (const node of others)
    t.match(
      await until(`an answer through ${node.name}`, () => readPage(`http://${node.machine.address}:30081`)),
      /^one web-/,
    )
  t.equal((await podsOf(fleet, 'app=web')).length, 1, 'the pods that were scaled away are gone')
})

t.test('names resolve inside pods by the C library’s own resolver, and the cluster address answers', async t => {
  await fleet.mustDunlin(
    ['apply', '-f', '-', '--wait'],
    `
apiVersion: v1
kind: Pod
metadata: { name: asker, labels: { app: asker } }
spec:
  containers:
    - name: asker
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'getent hosts web; getent hosts web.default.svc.cluster.local; wget -q -O - http://web/; sleep 1000']
  terminationGracePeriodSeconds: 0
`,
  )
  const service = await fleet.kube.request('GET', '/api/v1/namespaces/default/services/web')
  const ip = textAt(service, 'spec', 'clusterIP') ?? ''
  const log = await until('the asker’s log', async () => {
    const text = (await fleet.dunlin(['logs', 'asker'])).output
    return text.includes('one web-') ? text : undefined
  })
  t.match(log, new RegExp(`${ip.replaceAll('.', '\\.')}\\s+web`))
  t.match(log, /one web-/)
  await fleet.mustDunlin(['delete', 'pod', 'asker'])
})

t.test('a pod reaches a host of the LAN that has no route back to pods', async t => {
  const server = createServer((request, response) => response.end(`seen as ${request.socket.remoteAddress}`))
  await new Promise<void>(resolve => server.listen(18080, '0.0.0.0', resolve))
  t.teardown(() => server.close())
  await fleet.mustDunlin(
    ['apply', '-f', '-', '--wait'],
    `
apiVersion: v1
kind: Pod
metadata: { name: outward, labels: { app: outward } }
spec:
  nodeName: a
  containers:
    - name: outward
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'wget -q -O - http://${fleet.lan.address}:18080/; echo; sleep 1000']
  terminationGracePeriodSeconds: 0
`,
  )
  const node = fleet.nodes[0]
  const text = await until('the pod’s log', async () => {
    const { output } = await fleet.dunlin(['logs', 'outward'])
    return output.includes('seen as') ? output : undefined
  })
  t.match(text, `seen as ::ffff:${node?.machine.address}`.replace('::ffff:', ''))
  await fleet.mustDunlin(['delete', 'pod', 'outward'])
})

t.test('a container that is killed comes back, in the same pod with the same address', async t => {
  const [before] = await podsReady(fleet, 'app=web', 1)
  const node = fleet.nodes.find(one => one.name === textAt(before, 'spec', 'nodeName'))
  const id = (textAt(before, 'status', 'containerStatuses', 0, 'containerID') ?? '').replace(/^.*\/\//, '')
  t.match(id, /^[0-9a-f]{12,}/)
  await node?.machine.exec([
    'sh',
    '-c',
    'for p in /proc/[0-9]*; do if grep -qz "httpd" $p/cmdline 2>/dev/null && grep -q "$1" $p/cgroup; then kill -9 $(basename $p); fi; done',
    'kill',
    id,
  ])
  const after = await until('the restart', async () => {
    const [pod] = await podsOf(fleet, 'app=web')
    return textAt(pod, 'status', 'containerStatuses', 0, 'restartCount') === '1' &&
      at(listAt(pod, 'status', 'containerStatuses')[0], 'ready') === true
      ? pod
      : undefined
  })
  t.equal(textAt(after, 'metadata', 'uid'), textAt(before, 'metadata', 'uid'))
  t.equal(textAt(after, 'status', 'podIP'), textAt(before, 'status', 'podIP'))
})

t.test('a rolling update loses no request of a client that asks all through it', async t => {
  await fleet.mustDunlin(['scale', '--replicas=3', 'deploy/web'])
  await podsReady(fleet, 'app=web', 3)
  const failures: string[] = []
  const answers = new Map<string, number>()
  let isOver = false
  const client = async (address: string): Promise<void> => {
    while (!isOver) {
      try {
        const word = (await readPage(`http://${address}:30081`, 5000)).split(' ')[0] ?? ''
        answers.set(word, (answers.get(word) ?? 0) + 1)
      } catch (error) {
        failures.push(String(error))
      }
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
  const clients = fleet.nodes.map(node => client(node.machine.address))
  const asked = await fleet.dunlin(
    ['apply', '-f', '-', '--wait', '--timeout', '170s'],
    deployment({ replicas: 3, says: 'two' }),
  )
  await until('the old pods’ end', async () => ((await podsOf(fleet, 'app=web')).length === 3 ? true : undefined))
  isOver = true
  await Promise.all(clients)
  t.equal(asked.code, 0, asked.output)
  t.strictSame(failures, [])
  t.ok((answers.get('one') ?? 0) > 0 && (answers.get('two') ?? 0) > 0, JSON.stringify([...answers]))
})

t.test('a hub that is killed amid writes has lost nothing acknowledged, and restarts no container', async t => {
  const before = await containersOf(fleet, 'app=web')
  const acknowledged: string[] = []
  let isOver = false
  const writing = (async () => {
    for (let number = 0; !isOver; number += 1) {
      const name = `note-${number}`
      try {
        await fleet.kube.request('POST', '/api/v1/namespaces/default/configmaps', {
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { number: String(number) } },
        })
        acknowledged.push(name)
      } catch {
        // Cut off: it may or may not be there; only what was acknowledged must be.
        return
      }
    }
  })()
  await until('some writes', () => (acknowledged.length > 30 ? true : undefined))
  await fleet.killHub()
  isOver = true
  await writing
  await fleet.startHub()
  const list = await fleet.kube.request('GET', '/api/v1/namespaces/default/configmaps')
  const there = new Set(listAt(list, 'items').map(item => textAt(item, 'metadata', 'name')))
  t.strictSame(
    acknowledged.filter(name => !there.has(name)),
    [],
    `${acknowledged.length} acknowledged`,
  )
  await podsReady(fleet, 'app=web', 3)
  await until('the nodes’ being heard again', async () => {
    const nodes = await fleet.kube.request('GET', '/api/v1/nodes')
    return listAt(nodes, 'items').every(node =>
      listAt(node, 'status', 'conditions').some(one => at(one, 'type') === 'Ready' && at(one, 'status') === 'True'),
    )
      ? true
      : undefined
  })
  await fleet.mustDunlin(['apply', '-f', '-', '--wait'], deployment({ replicas: 3, says: 'two' }))
  t.strictSame(await containersOf(fleet, 'app=web'), before)
})

t.test('an agent that is killed and started again restarts no container, and traffic goes on meanwhile', async t => {
  const before = await containersOf(fleet, 'app=web')
  const [node] = fleet.nodes
  if (node === undefined) throw new Error('no node')
  await node.killAgent()
  t.match(await readPage(`http://${node.machine.address}:30081`), /^two web-/, 'the kernel forwards without the agent')
  node.startAgent()
  await until('the agent’s report', () => (node.agent().output().includes('connected') ? true : undefined))
  await podsReady(fleet, 'app=web', 3)
  t.strictSame(await containersOf(fleet, 'app=web'), before)
})

t.test('an agent that is killed and started again with no hub to reach restarts no container either', async t => {
  const before = await containersOf(fleet, 'app=web')
  const [node] = fleet.nodes
  if (node === undefined) throw new Error('no node')
  await fleet.killHub()
  await node.killAgent()
  node.startAgent()
  await until('the agent’s look at its pods', () =>
    node.agent().output().includes('the agent runs') ? true : undefined,
  )
  await fleet.startHub()
  await until('the agent’s connection', () =>
    node.agent().output().includes('connected to the broker') ? true : undefined,
  )
  await podsReady(fleet, 'app=web', 3)
  t.strictSame(await containersOf(fleet, 'app=web'), before)
})

t.test('a link that was cut is repaired at the first reconnect', async t => {
  const [node] = fleet.nodes
  if (node === undefined) throw new Error('no node')
  const before = await containersOf(fleet, 'app=web')
  await node.machine.setLink('down')
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    `
apiVersion: v1
kind: Pod
metadata: { name: late, labels: { app: late } }
spec:
  nodeName: ${node.name}
  containers: [{ name: late, image: localhost/dunlin/tools:1, command: [sleep, '1000'] }]
  terminationGracePeriodSeconds: 0
`,
  )
  await new Promise(resolve => setTimeout(resolve, 3000))
  await node.machine.setLink('up')
  await podsReady(fleet, 'app=late', 1, 120)
  t.strictSame(await containersOf(fleet, 'app=web'), before)
  await fleet.mustDunlin(['delete', 'pod', 'late'])
})

t.test('nothing of ours is left on a node whose pods were deleted', async t => {
  await fleet.mustDunlin(['delete', 'deploy/web', 'svc/web', '--timeout', '90s'])
  await until('the pods’ end', async () => ((await podsOf(fleet, 'app=web')).length === 0 ? true : undefined))
  for (const node of fleet.nodes) {
    const mounts = (await node.machine.exec(['cat', '/proc/mounts'])).output
      .split('\n')
      .filter(line => line.includes('/pods/') && !othersMounts.has(line))
    t.strictSame(mounts, [], node.name)
  }
  await mustRun(['ip', 'link', 'show', 'lan0'])
})
