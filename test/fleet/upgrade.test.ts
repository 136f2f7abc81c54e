import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { containersOf, nodeIsReady, podsReady, startFleet, until } = await import('./kit.ts')

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The sources of the commit before this one, with this one's packages. */
const previousBuild = (): string => {
  const folder = join(world.folder, 'previous')
  mkdirSync(folder)
  const git = ['-c', 'safe.directory=*', '-C', root]
  const archive = execFileSync('git', [...git, 'archive', '--format=tar', 'HEAD~1', 'src', 'package.json'], {
    maxBuffer: 256 * 1024 * 1024,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'src/cli/main.ts')
}

const previous = previousBuild()
const fleet = await startFleet(world)
t.teardown(() => fleet.close())

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: steady }
spec:
  replicas: 2
  selector: { matchLabels: { app: steady } }
  template:
    metadata: { labels: { app: steady } }
    spec:
      initContainers: [{ name: once, image: localhost/dunlin/tools:1, command: ['true'] }]
      containers:
        - name: web
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www']
          env: [{ name: WORD, valueFrom: { configMapKeyRef: { name: words, key: word } } }]
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
          livenessProbe: { tcpSocket: { port: 8080 } }
        - name: beside
          image: localhost/dunlin/tools:1
          command: [sleep, '100000']
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: ConfigMap
metadata: { name: words }
data: { word: same }
`

t.test('an agent and a hub of the previous commit are upgraded in place, and no container restarts', async t => {
  t.ok(existsSync(previous))
  await fleet.hub().stop(10_000)
  fleet.useProgram(previous)
  await fleet.startHub()
  const node = await fleet.addNode('a')
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '120s'], manifest)
  await podsReady(fleet, 'app=steady', 2)
  const before = await containersOf(fleet, 'app=steady')
  t.equal(before.size, 4)

  fleet.useProgram(undefined)
  await node.killAgent('SIGTERM')
  node.startAgent()
  await until('the new agent’s connection', () =>
    node.agent().output().includes('connected to the broker') ? true : undefined,
  )
  await nodeIsReady(fleet.kube, 'a')
  await podsReady(fleet, 'app=steady', 2)
  t.strictSame(await containersOf(fleet, 'app=steady'), before, 'after the agent')

  await fleet.hub().stop(10_000)
  await fleet.startHub()
  await nodeIsReady(fleet.kube, 'a')
  await podsReady(fleet, 'app=steady', 2)
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '60s'], manifest)
  t.strictSame(await containersOf(fleet, 'app=steady'), before, 'after the hub')
})
