import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { textAt } from '../../src/cli/shown.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { nodeIsReady, podsReady, readPage, startFleet, until } = await import('./kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
const node = await fleet.addNode('a')

/** Where the program that shifts clocks keeps its library. */
const faketime = ['/usr/bin/faketime', '-f', '@1970-01-01 00:00:30']

t.test('a node without power, hub or clock runs its pods again; then it connects', async t => {
  execFileSync('test', ['-x', faketime[0] ?? ''])
  await fleet.mustDunlin(
    ['apply', '-f', '-', '--wait', '--timeout', '120s'],
    `
apiVersion: v1
kind: ConfigMap
metadata: { name: words }
data: { greeting: still here }
---
apiVersion: v1
kind: Secret
metadata: { name: secret-words }
stringData: { word: sesame }
---
apiVersion: v1
kind: Pod
metadata: { name: lone, labels: { app: lone } }
spec:
  initContainers:
    - name: prepare
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'cp /config/greeting /www/index.html']
      volumeMounts: [{ name: config, mountPath: /config }, { name: www, mountPath: /www }]
  containers:
    - name: web
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'test \${#WORD} = 6 && exec httpd -f -p 8080 -h /www']
      env: [{ name: WORD, valueFrom: { secretKeyRef: { name: secret-words, key: word } } }]
      readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
      volumeMounts: [{ name: www, mountPath: /www }]
  volumes:
    - { name: config, configMap: { name: words } }
    - { name: www, emptyDir: {} }
  terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: { name: lone }
spec:
  type: NodePort
  selector: { app: lone }
  ports: [{ port: 80, targetPort: 8080, nodePort: 30083 }]
`,
  )
  const [before] = await podsReady(fleet, 'app=lone', 1)
  const first = await until('the first answer', () => readPage(`http://${node.machine.address}:30083`))
  t.equal(first.trim(), 'still here')
  await node.killAgent('SIGTERM')
  await fleet.hub().stop(10_000)
  await node.machine.powerOff()

  await node.machine.powerOn()
  node.startAgent({ wrap: faketime })
  const page = await until('the pod’s answer without a hub', () => readPage(`http://${node.machine.address}:30083`), 90)
  t.equal(page.trim(), 'still here')

  await fleet.startHub()
  await nodeIsReady(fleet.kube, 'a', 120, () => node.agent().output().slice(-3000))
  const [after] = await podsReady(fleet, 'app=lone', 1)
  t.equal(textAt(after, 'metadata', 'uid'), textAt(before, 'metadata', 'uid'), 'it is the same pod')
  t.equal(textAt(after, 'status', 'podIP'), textAt(before, 'status', 'podIP'), 'with the same address')
})

t.test('a secret is nowhere in clear in the hub’s store', async t => {
  const store = readFileSync(join(fleet.hubFolder, 'hub.db'))
  const wal = readFileSync(join(fleet.hubFolder, 'hub.db-wal'))
  t.notOk(store.includes(Buffer.from('sesame').toString('base64')) || store.includes('sesame'))
  t.notOk(wal.includes(Buffer.from('sesame').toString('base64')) || wal.includes('sesame'))
})
