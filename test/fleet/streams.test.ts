import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listAt, textAt } from '../../src/cli/shown.ts'
import { runProgram } from '../../src/runtime-podman/run-program.ts'
import { fetchKubectl } from '../kubectl/fetch-kubectl.ts'
import { ownWorld } from './own-world.ts'

// Fetched outside: the test's own world has no way to Debian.
const kubectls = [await fetchKubectl('trixie'), await fetchKubectl('sid')]
const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { kubectlFor } = await import('../kubectl/kit.ts')
const { streamsOfClientNode } = await import('../kubectl/clients/streams-of-client-node.ts')
const { podsReady, startFleet, until } = await import('./kit.ts')

/*
 *   clients ── hub ══ session ══ router (NAT: out to the hub's two ports, nothing in) ── node ── Podman ── pod
 */

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
await fleet.addNode('a', [], {}, { nat: [6443, 8883] })

const pod = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: localhost/dunlin/tools:1
          env: [{ name: PATH, value: '/tmp/more:/bin' }]
          # Listens on the pod's localhost alone.
          command: [sh, -c, 'mkdir -p /www /tmp/more; for one in tar stty; do busybox ln -s /bin/busybox /tmp/more/$one; done; printf hello > /www/hello; httpd -p 127.0.0.1:8080 -h /www; i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 0.5; done']
          ports: [{ containerPort: 8080 }]
        - name: echo
          image: localhost/dunlin/tools:1
          stdin: true
          command: [sh, -c, 'nc -ll -p 7001 -e cat & echo ready; while read line; do echo "heard $line"; done; sleep 10000']
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: crash }
spec:
  containers: [{ name: crash, image: 'localhost/dunlin/tools:1', command: [sh, -c, 'echo last words; sleep 1; exit 3'] }]
---
# More than a log file holds, then a line now and then.
apiVersion: v1
kind: Pod
metadata: { name: chatty }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: chatty
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'echo first words; yes "much that nobody reads, but it fills the file" | head -n 70000; i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 0.5; done']
`
await fleet.mustDunlin(['apply', '-f', '-'], pod)
const [running] = await podsReady(fleet, 'app=web', 1)
const name = textAt(running, 'metadata', 'name') ?? ''

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What a connection answers until it is closed, or until it has answered as much as it was sent. */
const asked = (port: number, question: Uint8Array | string, most = Number.POSITIVE_INFINITY): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const chunks: Buffer[] = []
    let size = 0
    socket.on('data', chunk => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= most) socket.end()
    })
    socket.once('close', () => resolve(Buffer.concat(chunks)))
    socket.once('error', reject)
    socket.write(question)
  })

const http = 'GET /hello HTTP/1.0\r\n\r\n'

const webSocket = ['WebSocket', {}] as const
const spdy = ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }] as const

t.test('nothing but the hub’s ports is reached through the router, and nothing from outside', async t => {
  const [node] = fleet.nodes
  const dropped = 28
  for (const address of [node?.machine.address, '192.168.50.11']) {
    const { code } = await runProgram(['curl', '-sm1', `http://${address}:7001`])
    t.not(code, 0, `${address} is not reached`)
  }
  const other = await node?.machine.exec(['curl', '-sm1', `http://${fleet.lan.address}:9999`])
  t.equal(other?.code, dropped, 'and the node reaches no other port of the hub')
})

for (const [index, kubectl] of kubectls.entries()) {
  for (const [protocol, env] of index === 0 ? [webSocket] : [webSocket, spdy]) {
    t.test(`kubectl ${kubectl.version} over ${protocol}: exec, attach, cp and port-forward`, async t => {
      const { ok, run, start, folder } = kubectlFor(t, kubectl, fleet.kubeconfig)
      t.equal(await ok(`exec ${name} -c web -- echo hello`, { env }), 'hello\n')
      t.match(
        await run(['exec', '-i', name, '-c', 'web', '--', 'sh', '-c', 'cat; echo err >&2; exit 7'], {
          env,
          input: 'in\n',
        }),
        {
          code: 7,
          stdout: 'in\n',
          stderr: /^err\ncommand terminated with exit code 7\n/,
        },
      )
      const sized = 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; echo sized; exit 5'
      const inTerminal = `stty rows 33 cols 99; "${kubectl.path}" exec -it ${name} -c web -- sh -c '${sized}'`
      const { code, output } = await runProgram(['script', '-qec', inTerminal, '/dev/null'], {
        env: { ...process.env, HOME: folder, KUBECONFIG: fleet.kubeconfig, ...env },
        timeoutMs: 60_000,
      })
      t.equal(code, 5, 'a terminal has the size of the client’s')
      t.match(output, 'sized')

      const attached = start(`attach ${name} -c web`, { env })
      t.match(await attached.line(), /^tick \d+$/, 'what the container prints from now on')
      await attached.stop()

      const bytes = randomBytes(2 * 1024 * 1024)
      writeFileSync(join(folder, 'there'), bytes)
      await ok(`cp there ${name}:/tmp/copied -c web`, { env })
      await ok(`cp ${name}:/tmp/copied back -c web`, { env })
      t.equal(sum(readFileSync(join(folder, 'back'))), sum(bytes))

      const forward = start(`port-forward --address 127.0.0.1 pod/${name} :8080 :7001 :9`, { env })
      const port = async (): Promise<number> => Number(/127.0.0.1:(\d+) ->/.exec(await forward.line())?.[1])
      const [web, echo, nothing] = [await port(), await port(), await port()]
      t.match(String(await asked(web, http)), /200 OK[\s\S]*hello$/, 'a listener on the pod’s localhost')
      t.equal((await asked(nothing, 'x')).length, 0, 'a port where nobody listens')
      const many = await Promise.all([1, 2, 3].map(() => asked(echo, bytes, bytes.length)))
      t.strictSame(many.map(sum), [sum(bytes), sum(bytes), sum(bytes)])
      await forward.stop()
      for (const target of ['service/web :80', 'deployment/web :8080']) {
        const forwarded = start(`port-forward --address 127.0.0.1 ${target}`, { env })
        const at = Number(/127.0.0.1:(\d+) ->/.exec(await forwarded.line())?.[1])
        t.match(String(await asked(at, http)), /hello$/, target)
        await forwarded.stop()
      }
    })
  }

  t.test(`kubectl ${kubectl.version}: logs`, async t => {
    const { ok, start } = kubectlFor(t, kubectl, fleet.kubeconfig)
    t.match(await ok(`logs ${name} -c web`), /^tick 1\ntick 2\n/)
    t.match(await ok(`logs ${name} -c web --tail=1 --timestamps`), /^\d{4}-\d\d-\d\dT[\d:.]+Z tick \d+\n$/)
    t.equal(await ok(`logs ${name} -c web --limit-bytes=6`), 'tick 1')
    t.ok((await ok(`logs ${name} -c web --since=2s`)).split('\n').length < 8, 'the last seconds alone')
    const both = await ok(`logs ${name} --all-containers --prefix`)
    for (const line of [/^\[pod\/web-\S+\/web\] tick 1$/m, /^\[pod\/web-\S+\/echo\] ready$/m]) t.match(both, line)
    t.match(await ok('logs deployment/web -c web --tail=1'), /^tick \d+\n$/)
    t.match(await ok('logs -l app=web -c echo'), /^ready\n/)
    await until('the restart', async () => {
      const crashed = await fleet.kube.request('GET', '/api/v1/namespaces/default/pods/crash')
      return (
        listAt(crashed, 'status', 'containerStatuses').some(one => Number(textAt(one, 'restartCount')) > 0) || undefined
      )
    })
    t.match(await ok('logs crash --previous'), 'last words\n')
    const following = start(`logs -f ${name} -c web --tail=1`)
    const tick = Number((await following.line()).split(' ')[1])
    t.equal(await following.line(), `tick ${tick + 1}`, 'a log that is followed goes on')
    await following.stop()
  })
}

t.test('100 MB are copied into a container and out of it, byte for byte', async t => {
  const { ok, folder } = kubectlFor(t, kubectls[1] ?? kubectls[0]!, fleet.kubeconfig)
  const bytes = randomBytes(100 * 1024 * 1024)
  writeFileSync(join(folder, 'there'), bytes)
  await ok(`cp there ${name}:/tmp/large -c web`, { timeoutMs: 120_000 })
  await ok(`cp ${name}:/tmp/large back -c web`, { timeoutMs: 120_000 })
  t.equal(sum(readFileSync(join(folder, 'back'))), sum(bytes))
  await ok(`exec ${name} -c web -- rm /tmp/large`)
})

t.test('what is typed to an attached container reaches it', async t => {
  const { start } = kubectlFor(t, kubectls[1] ?? kubectls[0]!, fleet.kubeconfig)
  const attached = start(`attach -i ${name} -c echo`, { input: 'you\n' })
  t.equal(await attached.line(), 'heard you')
  await attached.stop()
})

t.test('Python’s client: exec, port-forward and logs', async t => {
  const program = fileURLToPath(new URL('../kubectl/clients/streams.py', import.meta.url))
  const { code, output } = await runProgram(['/usr/bin/python3', program, fleet.kubeconfig, name, 'web', '8080'], {
    timeoutMs: 60_000,
  })
  t.equal(code, 0, output)
  t.match(JSON.parse(output.split('\n').findLast(line => line.startsWith('{')) ?? '{}'), {
    exec: 'a b c\n',
    out: 'out\n',
    err: 'err\n',
    code: 7,
    heard: 'heard you\n',
    forward: /200 OK[\s\S]*hello$/,
    forward_error: null,
    log: /^tick 1\n/,
    tail: /^tick \d+\n$/,
    limit: 'tick ',
    timestamps: /Z tick \d+/,
  })
})

t.test('the JavaScript client: exec, attach, port-forward and logs', async t => {
  const of = { kubeconfig: fleet.kubeconfig, pod: name, container: 'web', httpPort: 8080 }
  t.match(await streamsOfClientNode(of), {
    exec: 'a b c\n',
    out: 'out\n',
    err: 'err\n',
    code: '7',
    cat: 'typed',
    attached: /tick/,
    forward: /200 OK[\s\S]*hello/,
    log: /^tick 1\n/,
    tail: /^tick \d+\n$/,
  })
})

t.test('--since and --since-time reach back over a rotated file and over an agent that was started anew', async t => {
  const { ok } = kubectlFor(t, kubectls[1] ?? kubectls[0]!, fleet.kubeconfig)
  const [node] = fleet.nodes
  const uid = (await ok('get pod chatty -o jsonpath={.metadata.uid}')).trim()
  const files = () => runProgram(['find', `${node?.machine.disk}/agent/logs`, '-path', `*${uid}*`, '-name', '*.log.1'])
  await until('the rotation', async () => (await files()).output.trim() !== '' || undefined)
  const ticks = (text: string): readonly number[] => [...text.matchAll(/tick (\d+)$/gm)].map(([, tick]) => Number(tick))
  const lastTick = async (): Promise<number> => ticks(await ok('logs chatty --tail=1')).at(-1) ?? 0
  const [before = ''] = (await ok('logs chatty --timestamps --tail=1')).split(' ')
  const tickBefore = ticks(await ok(`logs chatty --since-time=${before}`))[0] ?? 0

  await node?.killAgent()
  const away = performance.now()
  await until('a while without the agent', () => performance.now() - away > 2000 || undefined)
  node?.startAgent()
  await until('a tick after it', async () => (await lastTick()) > tickBefore + 3 || undefined)

  const from = ticks(await ok(`logs chatty --since-time=${before}`))
  t.equal(from[0], tickBefore, 'from the very line on')
  t.strictSame(
    from,
    from.map((_, index) => tickBefore + index),
    'also what was printed while no agent was there',
  )
  for (const text of [
    await ok('logs chatty --since=1h'),
    await fleet.mustDunlin(['logs', 'chatty', '--since', '1h']),
    await fleet.mustDunlin(['logs', 'chatty']),
  ]) {
    t.match(text, /^first words\nmuch that/)
    t.ok(text.includes(`\ntick 1\n`) && text.includes(`\ntick ${from.at(-1)}\n`), 'old file and new')
  }
  const short = ticks(await fleet.mustDunlin(['logs', 'chatty', '--since', '1s']))
  t.ok(short.length < 8, 'and no further than it was asked')
})

t.test('a pod that is deleted ends its sessions with a reason, and no other', async t => {
  const { ok, start } = kubectlFor(t, kubectls[1] ?? kubectls[0]!, fleet.kubeconfig)
  const other = start(`logs -f ${name} -c web --tail=1`)
  await other.line()
  await ok('run short --image=localhost/dunlin/tools:1 --restart=Never --command -- sleep 10000'.split(' '))
  await ok('wait --for=condition=Ready pod/short --timeout=60s')
  const session = start(['exec', 'short', '--', 'sh', '-c', 'echo up; sleep 10000'])
  t.equal(await session.line(), 'up')
  await ok('delete pod short --grace-period=1 --timeout=60s')
  const { code, stderr } = await session.ended
  t.not(code, 0)
  t.comment(stderr)
  t.not(stderr, '')
  t.match(await other.line(), /^tick/, 'the log of another pod goes on')
  await other.stop()
})
