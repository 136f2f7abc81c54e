import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { textAt } from '../../src/cli/shown.ts'
import { fetchKubectl } from '../kubectl/fetch-kubectl.ts'
import { ownWorld } from './own-world.ts'

// Fetched outside: the test's own world has no way to Debian.
const kubectls = [await fetchKubectl('trixie'), await fetchKubectl('sid')]
const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { kubectlFor } = await import('../kubectl/kit.ts')
const { podsOf, podsReady, readPage, startFleet, until } = await import('./kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
for (const name of ['a', 'b']) await fleet.addNode(name)

const web = (says: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'mkdir -p /www && echo "${says}" > /www/index.html; echo "${says} starts"; exec httpd -f -p 8080 -h /www']
          ports: [{ containerPort: 8080 }]
          readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
        - name: beside
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'echo beside; exec sleep 10000']
        - name: ticks
          image: localhost/dunlin/tools:1
          command: [sh, -c, 'i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 1; done']
      terminationGracePeriodSeconds: 1
`

/** Whether an earlier row of the same pod has that status. */
const isOf = (row: string, later: string, status: string): boolean =>
  row.split(/\s+/)[0] === later.split(/\s+/)[0] && row.includes(status)

for (const kubectl of kubectls) {
  t.test(`kubectl ${kubectl.version} works a fleet of real pods`, async t => {
    const { run, ok, start, folder } = kubectlFor(t, kubectl, fleet.kubeconfig)
    t.comment(`kubectl ${kubectl.version}`)

    t.match(await ok('apply -f -', { input: web('first') }), 'deployment.apps/web created')
    t.match(await ok('rollout status deployment/web --timeout=90s'), 'successfully rolled out')
    t.match(await ok('wait --for=condition=Available deployment/web --timeout=60s'), 'condition met')
    t.match(await ok('expose deployment web --port=80 --target-port=8080 --type=NodePort'), 'service/web exposed')
    const port = await ok(['get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}'])
    t.match(
      await until('the Service’s answer', () => readPage(`http://${fleet.nodes[0]?.machine.address}:${port}`)),
      'first',
    )

    t.match(await ok('get pods -l app=web'), /NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\nweb-\S+\s+3\/3\s+Running\s+0/)
    t.match(await ok('get pods -o wide'), /10\.64\.\d+\.\d+\s+[ab]\s/)
    t.match(await ok('get nodes'), /a\s+Ready\s+<none>\s+\S+\s+v1\.36/)
    t.match(await ok('get deployment web -o yaml'), /observedGeneration: 1/)

    const [pod] = await podsReady(fleet, 'app=web', 2)
    const name = textAt(pod, 'metadata', 'name') ?? ''
    await until('the event in the description', async () =>
      (await ok(`describe pod ${name}`)).includes('Started container web') ? true : undefined,
    )
    t.match(await ok('describe node a'), /MemoryPressure\s+False[\s\S]*Allocated resources/)
    t.match(await ok('describe service web'), /Endpoints:\s+10\.64/)
    t.match(await ok('describe deployment web'), /2 desired \| 2 updated \| 2 total \| 2 available/)

    t.equal(await ok(`logs ${name} -c web`), 'first starts\n')
    t.match(await ok(`logs ${name} -c web --timestamps`), /^\d{4}-\d\d-\d\dT\S+Z first starts\n$/)
    t.strictSame(
      (await ok(`logs ${name} --all-containers --tail=1`))
        .trim()
        .split('\n')
        .filter(line => !line.startsWith('tick'))
        .toSorted(),
      ['beside', 'first starts'],
    )
    t.equal(
      (await ok('logs -l app=web -c web --since=10m')).split('\n').filter(line => line === 'first starts').length,
      2,
    )
    t.match(await ok('logs deployment/web -c beside'), 'beside')

    t.match(
      await until('usage', async () => {
        const { code, stdout } = await run('top pods')
        return code === 0 && stdout.includes(name) ? stdout : undefined
      }),
      new RegExp(`${name}\\s+\\d+m\\s+\\d+Mi`),
    )
    t.match(await ok('top nodes'), /a\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/)

    t.match(await ok('apply -f -', { input: web('second') }), 'configured')
    t.match(await ok('rollout status deployment/web --timeout=90s'), 'successfully rolled out')
    t.match(await ok('rollout history deployment/web'), /1\s+<none>\n2\s+<none>/)
    t.match(await ok('rollout undo deployment/web'), 'rolled back')
    await ok('rollout status deployment/web --timeout=90s')
    t.match(
      await until('the first words again', async () => {
        const page = await readPage(`http://${fleet.nodes[1]?.machine.address}:${port}`)
        return page.includes('first') ? page : undefined
      }),
      'first',
    )

    const watching = start('get pods -l app=web -w', { timeoutMs: 120_000 })
    // The pods of the other revision have left: none of them is chosen.
    await podsReady(fleet, 'app=web', 2)
    const following = start('logs -f deployment/web -c ticks --tail=1', { timeoutMs: 120_000 })
    const tick = Number((await following.line()).split(' ')[1])
    t.equal(await following.line(), `tick ${tick + 1}`, 'a log that is followed goes on')
    await following.stop()
    t.match(await ok('scale deployment/web --replicas=3'), 'scaled')
    const known = new Set((await podsReady(fleet, 'app=web', 3)).map(one => textAt(one, 'metadata', 'name')))
    t.match(await watching.line(), /^NAME\s+READY\s+STATUS/)
    const seen: string[] = []
    while (!seen.some(line => /\s3\/3\s+Running/.test(line) && seen.some(one => isOf(one, line, 'Pending'))))
      seen.push(await watching.line())
    t.ok(known.has(seen.at(-1)?.split(/\s+/)[0]), 'the new pod is seen from Pending to Running')
    await watching.stop()
    t.match(await ok('label deployment web tier=front'), 'labeled')
    t.match(await ok('annotate deployment web note=kept'), 'annotated')
    t.match(await ok(['patch', 'deployment', 'web', '-p', '{"spec":{"replicas":2}}']), 'patched')
    await podsReady(fleet, 'app=web', 2)
    const editor = join(folder, 'editor')
    writeFileSync(editor, '#!/bin/sh\nsed -i "s/replicas: 2/replicas: 1/" "$1"\n')
    chmodSync(editor, 0o755)
    t.match(await ok('edit deployment web', { env: { EDITOR: editor } }), 'deployment.apps/web edited')
    await podsReady(fleet, 'app=web', 1)

    await ok(
      'run crash --image=localhost/dunlin/tools:1 --restart=Always --command -- sh -c'
        .split(' ')
        .concat(['echo last words; exit 3']),
    )
    const crashed = await until('the restart', async () => {
      const [one] = await podsOf(fleet, 'run=crash')
      return Number(textAt(one, 'status', 'containerStatuses', 0, 'restartCount') ?? 0) > 0 ? one : undefined
    })
    t.equal(textAt(crashed, 'status', 'containerStatuses', 0, 'lastState', 'terminated', 'exitCode'), '3')
    t.equal(await ok('logs crash --previous'), 'last words\n')
    t.match(await ok('delete pod crash'), 'deleted')

    t.match(await ok('cordon b'), 'cordoned')
    t.match(await ok('drain b --ignore-daemonsets --timeout=90s'), 'drained')
    t.ok((await podsReady(fleet, 'app=web', 1)).every(one => textAt(one, 'spec', 'nodeName') === 'a'))
    t.match(await ok('uncordon b'), 'uncordoned')

    t.match(await ok('create configmap words --from-literal=a=b'), 'created')
    t.match(await ok('explain deployment.spec.replicas'), /replicas <integer>/)
    t.match(await ok('api-resources'), /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/)
    t.equal((await ok('auth can-i create pods')).trim(), 'yes')

    const viewer = join(world.folder, `viewer-${kubectl.version}.kubeconfig`)
    writeFileSync(viewer, await fleet.mustDunlin(['kubeconfig', '--user', 'vera']))
    await ok('create rolebinding vera-views --clusterrole=view --user=vera')
    t.match((await run('get pods', { kubeconfig: viewer })).stdout, 'web-')
    const refused = await run('delete deployment web', { kubeconfig: viewer })
    t.not(refused.code, 0)
    t.match(refused.stderr, /Forbidden.*User "vera" cannot delete resource "deployments"/)

    const file = join(world.folder, `web-${kubectl.version}.yaml`)
    writeFileSync(file, web('first'))
    t.match(await ok(`delete -f ${file}`), 'deployment.apps "web" deleted')
    await ok('delete service/web configmap/words rolebinding/vera-views')
    await until('the pods’ end', async () => ((await podsOf(fleet, 'app=web')).length === 0 ? true : undefined))
  })
}
