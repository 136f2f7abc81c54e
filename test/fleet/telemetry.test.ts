import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { podsReady, startFleet, until } = await import('./kit.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
await fleet.addNode('a', ['--telemetry-seconds', '2'])

const folder = join(world.folder, 'telemetry')
const line =
  (await fleet.mustDunlin(['kubeconfig', '--telemetry', 'reader', '--folder', folder])).trim().split('\n').at(-1) ?? ''
const fleetId = /dunlin\/1\/([a-z2-7]{10})\/t/.exec(line)?.[1] ?? ''

/** Runs one of mosquitto's programs as the telemetry user. */
const mosquitto = (
  program: string,
  words: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> =>
  new Promise(resolve => {
    const tls = [
      '--cafile',
      join(folder, 'ca.crt'),
      '--cert',
      join(folder, 'client.crt'),
      '--key',
      join(folder, 'client.key'),
    ]
    execFile(
      program,
      ['-h', fleet.lan.address, '-p', '8883', ...tls, '-i', 'reader', ...words],
      { timeout: 30_000 },
      (error, stdout, stderr) =>
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
          output: stdout + stderr,
        }),
    )
  })

t.test('the telemetry user reads births and data of nodes and pods as JSON', async t => {
  t.match(fleetId, /^[a-z2-7]{10}$/)
  await fleet.mustDunlin(
    ['apply', '-f', '-', '--wait'],
    `
apiVersion: v1
kind: Pod
metadata: { name: busy, labels: { app: busy } }
spec:
  containers: [{ name: busy, image: localhost/dunlin/tools:1, command: [sh, -c, 'while true; do :; done'], resources: { limits: { cpu: 100m, memory: 16Mi } } }]
  terminationGracePeriodSeconds: 0
`,
  )
  await podsReady(fleet, 'app=busy', 1)
  const messages: { readonly topic: string; readonly body: unknown }[] = []
  const of = (suffix: string) =>
    messages.filter(one => one.topic === `dunlin/1/${fleetId}/t/a/${suffix}`).map(one => one.body)
  // A value is told when it has changed, or at the heartbeat.
  await until(`data of node and pod`, async () => {
    const { output } = await mosquitto('mosquitto_sub', ['-v', '-W', '10', '-t', `dunlin/1/${fleetId}/t/#`])
    for (const text of output.split('\n'))
      if (text.startsWith('dunlin/'))
        messages.push({
          topic: text.slice(0, text.indexOf(' ')),
          body: JSON.parse(text.slice(text.indexOf(' ') + 1)) as unknown,
        })
    const isWhole = /cpu|memory/.test(JSON.stringify(of('node/data'))) && of('pod.default.busy/data').length > 0
    return isWhole ? true : undefined
  })
  t.ok(of('node/birth').length >= 1, 'the node’s retained birth')
  t.match(JSON.stringify(of('node/birth')[0]), /"unit"/)
  t.ok(of('node/data').length >= 1, 'the node’s data')
  t.match(JSON.stringify(of('node/data')), /cpu|memory/)
  t.ok(of('pod.default.busy/birth').length >= 1, 'the pod’s birth')
  t.ok(of('pod.default.busy/data').length >= 1, 'the pod’s data')
})

t.test('the telemetry user is refused everything else', async t => {
  for (const topic of [
    `dunlin/1/${fleetId}/n/a/d/state`,
    `dunlin/1/${fleetId}/#`,
    '#',
    '$SYS/#',
    `dunlin/1/${fleetId}/b/hub`,
  ]) {
    const { code, output } = await mosquitto('mosquitto_sub', ['-v', '-W', '2', '-t', topic])
    t.ok(code !== 0 || /denied|refused|not authori/i.test(output), `subscribe ${topic}: ${code} ${output}`)
    t.notMatch(output, /^dunlin\//m)
  }
  const seen = mosquitto('mosquitto_sub', ['-W', '4', '-t', `dunlin/1/${fleetId}/t/a/forged/data`, '-i', 'second'])
  for (const topic of [
    `dunlin/1/${fleetId}/t/a/forged/data`,
    `dunlin/1/${fleetId}/n/a/d/cmd`,
    `dunlin/1/${fleetId}/n/a/u/status`,
  ]) {
    const { code, output } = await mosquitto('mosquitto_pub', ['-q', '1', '-t', topic, '-m', '{}'])
    t.not(code, 0, `publish ${topic}: ${output}`)
  }
  t.notMatch((await seen).output, '{}')
})

t.test('a client without a certificate is not let in', async t => {
  const answered = await new Promise<string>(resolve => {
    execFile(
      'mosquitto_sub',
      ['-h', fleet.lan.address, '-p', '8883', '--cafile', join(folder, 'ca.crt'), '-W', '3', '-t', '#'],
      { timeout: 10_000 },
      (error, stdout, stderr) => resolve(`${error === null ? 0 : 1} ${stdout}${stderr}`),
    )
  })
  t.match(answered, /^1 /)
})

t.test('usage is in metrics.k8s.io too', async t => {
  const text = await until('the usage', async () => {
    const { output } = await fleet.dunlin(['top', 'pods'])
    return /busy\s+\d+m/.test(output) ? output : undefined
  })
  t.match(text, /busy\s+[1-9]\d*m\s+\d+Mi/)
  t.match(await fleet.mustDunlin(['top', 'nodes']), /a\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/)
})
