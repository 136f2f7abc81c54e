import { execFileSync } from 'node:child_process'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { textAt } from '../../src/cli/shown.ts'
import { formatJoinToken, parseJoinToken } from '../../src/wire/join-token.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { containersOf, isReady, nodeIsReady, podsOf, podsReady, startFleet, until } = await import('./kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
for (const name of ['a', 'b']) await fleet.addNode(name)
const dunlin = fleet.dunlin

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: localhost/dunlin/tools:1, command: [sh, -c, 'echo up; exec httpd -f -p 8080'] , readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }]
      terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`

const pod = (name: string, more: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  ${more}
  terminationGracePeriodSeconds: 0
`

t.test('apply, get, describe, scale, rollout, logs and top tell what is there', async t => {
  t.equal(
    (await dunlin(['apply', '-f', '-', '--dry-run'], web)).output,
    'deployment.apps/web created (dry run)\nservice/web created (dry run)\n',
  )
  t.equal((await dunlin(['get', 'deploy', 'web'])).code, 1, 'a dry run stores nothing')
  const applied = await dunlin(['apply', '-f', '-', '--wait', '--timeout', '90s'], web)
  t.match(applied, { code: 0, output: /deployment web successfully rolled out/ })
  t.match((await dunlin(['apply', '-f', '-'], web)).output, 'deployment.apps/web unchanged\nservice/web unchanged')
  t.match((await dunlin(['get', 'pods', '-o', 'wide'])).output, /web-\S+\s+1\/1\s+Running\s+0\s+\S+\s+10\.64/)
  t.match((await dunlin(['get', 'deploy/web', '-o', 'json'])).output, /"replicas": 2/)
  t.match(
    (await dunlin(['get', 'deploy,svc', '-o', 'name'])).output,
    /deployment.apps\/web\nservice\/kubernetes\n|deployment.apps\/web\nservice\/web\n/,
  )
  t.match((await dunlin(['get', 'pods', '-A', '-l', 'app=web'])).output, /default\s+web-/)
  t.match((await dunlin(['describe', 'deploy', 'web'])).output, /Events:/)
  t.match((await dunlin(['rollout', 'restart', 'deploy/web'])).output, 'restarted')
  t.match(await dunlin(['rollout', 'status', 'deploy/web', '--timeout', '90s']), {
    code: 0,
    output: /successfully rolled out/,
  })
  t.match((await dunlin(['rollout', 'history', 'deploy/web'])).output, /2\s+2\s+localhost/)
  t.match((await dunlin(['scale', '--replicas=3', 'deploy/web'])).output, 'scaled')
  await podsReady(fleet, 'app=web', 3)
  t.match((await dunlin(['logs', 'deploy/web', '--tail', '1'])).output, 'up')
  await until('the nodes’ usage', async () =>
    /a\s+\d+m/.test((await dunlin(['top', 'nodes'])).output) ? true : undefined,
  )
  t.match((await dunlin(['nodes'])).output, /a\s+Ready\s+default\s+amd64|a\s+Ready\s+default\s+arm64/)
})

t.test('why follows each trouble to its cause', async t => {
  t.match(await dunlin(['why', 'deploy/web', 'svc/web', 'node/a']), { code: 0 })
  const image = 'containers: [{ name: c, image: localhost/dunlin/tools:1, command:'
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    pod('nowhere', `nodeSelector: { shelf: top }\n  ${image} [sleep, '1000'] }]`),
  )
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    pod('no-image', 'containers: [{ name: c, image: localhost/none:1, imagePullPolicy: Never }]'),
  )
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    pod('crasher', `${image} [sh, -c, 'echo no config > /dev/termination-log; exit 3'] }]`),
  )
  await fleet.mustDunlin(
    ['apply', '-f', '-'],
    'apiVersion: v1\nkind: Service\nmetadata: { name: empty }\nspec: { selector: { app: nobody }, ports: [{ port: 80 }] }',
  )
  const why = (what: string, words: RegExp): Promise<void> =>
    until(`why ${what} telling ${words}`, async () => {
      const { code, output } = await dunlin(['why', what])
      return code === 1 && words.test(output) ? true : undefined
    }).then(() => {
      t.pass(`why ${what}`)
    })
  await why('pod/nowhere', /no node has been chosen[\s\S]*0\/2 nodes are available/)
  await why('pod/no-image', /ErrImageNeverPull[\s\S]*load the image/)
  await why('pod/crasher', /exit code 3[\s\S]*saying: no config/)
  await why('svc/empty', /no pod of its namespace has the labels app=nobody/)
  await fleet.mustDunlin(['delete', 'pod', 'nowhere', 'no-image', 'crasher'])
  await fleet.mustDunlin(['delete', 'svc', 'empty'])
})

t.test('wrong words and wrong manifests are told exactly, with the exit codes of the manual', async t => {
  for (const [words, code, says, input] of [
    [['gett', 'pods'], 2, /there is no command "gett"; did you mean "get"\?/],
    [['get', 'pdos'], 2, /no resource type "pdos"; did you mean pods\?/],
    [['get', 'pods', '--watsh'], 2, /unknown option --watsh; did you mean --watch\?/],
    [['get', 'pod', 'nobody'], 1, /pods "nobody" not found/],
    [['apply', '-f', '/nowhere.yaml'], 2, /cannot read \/nowhere.yaml: there is no such file/],
    [['apply', '-f', '-'], 2, /unknown field "spec.replica"/, web.replace('replicas', 'replica')],
    [
      ['apply', '-f', '-'],
      2,
      /duplicate key "name"|duplicate/,
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n',
    ],
    [['apply', '-f', '-'], 2, /apiVersion/, 'version: v1\nkind: ConfigMap\nmetadata: { name: a }\n'],
    [
      ['apply', '-f', '-'],
      1,
      /selector.*does not match template.*labels|`selector` does not match/,
      web.replace('{ app: web } }\n  template', '{ app: other } }\n  template').replace('name: web }', 'name: odd }'),
    ],
    [['get', 'pods', '--kubeconfig', '/nowhere'], 2, /cannot read the kubeconfig \/nowhere/],
  ] as const) {
    const done = await dunlin(words, input)
    t.equal(done.code, code, `${words.join(' ')}: ${done.output}`)
    t.match(done.output, says)
  }
})

t.test('tokens, users, contexts, completion and help', async t => {
  const token = (await dunlin(['join-token', 'create', '--ttl', '1h'])).output.split('\n')[0] ?? ''
  t.match(token, /^dunlin1\./)
  const list = (await dunlin(['join-token', 'list'])).output
  const id = token.split('.')[1] ?? ''
  t.match(list, id)
  t.match((await dunlin(['join-token', 'delete', id])).output, 'deleted')
  const viewer = join(world.folder, 'viewer')
  writeFileSync(viewer, await fleet.mustDunlin(['kubeconfig', '--user', 'vera']))
  const refused = await dunlin(['delete', 'deploy', 'web', '--kubeconfig', viewer])
  t.equal(refused.code, 4)
  t.match(refused.output, /User "vera" cannot delete resource "deployments"/)
  t.match((await dunlin(['config', 'get-contexts'])).output, /\*\s+admin@dunlin-/)
  execFileSync('bash', ['-n'], { input: await fleet.mustDunlin(['completion', 'bash']) })
  t.match((await dunlin(['help'])).output, /Exit codes/)
  t.match((await dunlin(['drain', '--help'])).output, /Examples:\n\s+dunlin drain/)
  t.match((await dunlin(['version'])).output, /dunlin 0\.1\.0[\s\S]*hub v1\.36/)
  t.match((await dunlin(['doctor', '-o', 'json'])).output, /"verdict"/)
})

t.test('a token that is wrong, used or expired admits no node, and says so', async t => {
  const make = async (...words: readonly string[]): Promise<string> =>
    (await fleet.mustDunlin(['join-token', 'create', ...words])).split('\n')[0] ?? ''
  const token = await make()
  const parts = parseJoinToken(token)
  const { id, secret } = parts
  const other = (word: string): string => word.replace(/^./, one => (one === 'a' ? 'b' : 'a'))
  const late = await make('--ttl', '1s')
  await until('its end', () =>
    dunlin(['join-token', 'list']).then(list => (/expired/.test(list.output) ? true : undefined)),
  )
  for (const [bad, says] of [
    [`dunlin1.${id}.${secret}`, /it has 3 parts; expected 6: it was cut when it was copied/],
    [token.slice(0, -1), /its last part ".*" does not fit the rest/],
    [token.replace(secret, other(secret)), /its last part ".*" does not fit the rest/],
    [formatJoinToken({ ...parts, secret: other(secret) }), /401.*token/],
    [formatJoinToken({ ...parts, pin: other(parts.pin) }), /not the hub of this/],
    [late, /401.*expired at .* make a new one: dunlin join-token create/],
    [fleet.nodes[0]?.token ?? '', /401.*used/],
  ] as const) {
    const state = join(world.folder, 'stranger')
    const refused = await dunlin(['agent', '--node-name', 'c', '--state', state, '--join-token', bad])
    t.not(refused.code, 0)
    t.match(refused.output, says)
  }
  t.notMatch((await dunlin(['nodes'])).output, /^c\s/m)
})

t.test('a node is drained, and given pods again', async t => {
  t.match(await dunlin(['drain', 'b', '--timeout', '90s']), { code: 0, output: /node\/b drained/ })
  t.ok((await podsReady(fleet, 'app=web', 3)).every(one => textAt(one, 'spec', 'nodeName') === 'a'))
  t.match((await dunlin(['nodes'])).output, /b\s+Ready,SchedulingDisabled/)
  await fleet.mustDunlin(['uncordon', 'b'])
})

t.test('a backup is restored into a new folder, and the fleet survives it', async t => {
  const before = await containersOf(fleet, 'app=web')
  const archive = join(world.folder, 'monday.dunlin')
  t.match((await dunlin(['backup', archive])).output, 'backup written')
  await fleet.hub().stop(10_000)
  const restored = join(world.folder, 'restored')
  const told = await dunlin(['restore', archive, '--data', restored])
  t.equal(told.code, 0, told.output)
  t.match(told.output, /its incarnation is now \d+/)
  rmSync(fleet.hubFolder, { recursive: true })
  cpSync(restored, fleet.hubFolder, { recursive: true, preserveTimestamps: true })
  await fleet.startHub()
  for (const node of fleet.nodes) await nodeIsReady(fleet.kube, node.name, 90)
  await until('the pods’ being told again', async () => {
    const pods = await podsOf(fleet, 'app=web')
    return pods.length === 3 && pods.every(isReady) ? true : undefined
  })
  await fleet.mustDunlin(['scale', '--replicas=4', 'deploy/web'])
  await podsReady(fleet, 'app=web', 4)
  const after = await containersOf(fleet, 'app=web')
  for (const [name, what] of before) t.equal(after.get(name), what, name)
  t.match(await dunlin(['delete', 'deploy/web', 'svc/web', '--timeout', '60s']), { code: 0 })
})
