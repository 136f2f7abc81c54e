import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fault } from '../../src/api/fault.ts'
import type { Pod } from '../../src/api/types.ts'
import { type LiveSessions, liveSessions } from '../../src/hub/remote/live-sessions.ts'
import { type FakePodStreams, fakePodStreams } from '../fakes/pod-streams.ts'
import { folderOf } from '../support/folder-of.ts'
import { until } from '../support/until.ts'
import { fetchKubectl, suites } from './fetch-kubectl.ts'
import { type KubectlKit, startKubectlKit } from './kit.ts'

interface StreamsKit extends KubectlKit {
  readonly streams: FakePodStreams
  readonly sessions: LiveSessions
  /** Where the pod's processes run. */
  readonly inside: string
  /** What makes kubectl speak the protocol that is tried. */
  readonly env: { readonly [name: string]: string }
}

/** exec, attach, cp and port-forward against the real REST server. The pod's processes run in a folder of the test's. */
const stories: { readonly [story: string]: (t: Test, kit: StreamsKit) => Promise<void> } = {
  async 'exec: output, input, exit codes, and words kept apart'(t, { kubectl, streams, env }) {
    t.equal(await kubectl.ok('exec web -- echo hello', { env }), 'hello\n')
    const quoted = ['exec', 'web', '-c', 'web', '--', 'printf', '%s|', 'a b', '', '$HOME']
    t.equal(await kubectl.ok(quoted, { env }), 'a b||$HOME|')
    t.equal(await kubectl.ok('exec -i web -- cat', { env, input: 'typed\n' }), 'typed\n')
    t.match(await kubectl.run(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'], { env }), {
      code: 7,
      stdout: 'out\n',
      stderr: /^err\ncommand terminated with exit code 7\n$/,
    })
    const many = await kubectl.ok(['exec', 'web', '--', 'sh', '-c', 'seq 1 200000'], { env })
    t.equal(many.length, 1_288_895, 'all of a long output, in order')
    t.ok(many.endsWith('199999\n200000\n'))
    streams.fault = new Fault('Unavailable', 'node "n1" is not connected to the hub')
    t.match(await kubectl.run('exec web -- true', { env }), {
      code: 1,
      stderr: /node "n1" is not connected to the hub/,
    })
    await until('all processes have ended', () => streams.running.size === 0)
  },

  async 'exec: a client that goes takes its process with it'(t, { kubectl, streams, env }) {
    const client = kubectl.start(['exec', 'web', '--', 'sh', '-c', 'echo up; exec sleep 1000'], { env })
    t.equal(await client.line(), 'up')
    await client.stop()
    await until('the process has ended', () => streams.running.size === 0)
    t.pass('it has')
  },

  async 'attach: to what runs there'(t, { kubectl, streams, env }) {
    streams.main = ['sh', '-c', 'read line; echo "heard $line"']
    t.equal(await kubectl.ok('attach -i web', { env, input: 'you\n' }), 'heard you\n')
    t.match(streams.asked, ['attach web/web'])
  },

  async 'cp: both ways, bytes equal'(t, { kubectl, inside, env }) {
    const bytes = randomBytes(10 * 1024 * 1024)
    writeFileSync(join(kubectl.folder, 'there'), bytes)
    await kubectl.ok(`cp there web:${inside}/copied`, { env })
    t.equal(sum(readFileSync(join(inside, 'copied'))), sum(bytes))
    await kubectl.ok(`cp web:${inside}/copied back`, { env })
    t.equal(sum(readFileSync(join(kubectl.folder, 'back'))), sum(bytes))
  },

  async 'port-forward: connections side by side, half closed, refused ones, and the next one'(t, kit) {
    const { kubectl, streams, env } = kit
    streams.ports.set(80, await echoServer(t))
    const client = kubectl.start('port-forward --address 127.0.0.1 pod/web :80 :81', { env })
    const port = Number(/127.0.0.1:(\d+) -> 80/.exec(await client.line())?.[1])
    const refused = Number(/127.0.0.1:(\d+) -> 81/.exec(await client.line())?.[1])
    const bytes = randomBytes(3 * 1024 * 1024)
    const [one, two, three] = await Promise.all([
      echoed(port, bytes),
      echoed(port, bytes),
      echoed(port, Buffer.from('x')),
    ])
    t.equal(sum(one), sum(bytes))
    t.equal(sum(two), sum(bytes))
    t.equal(String(three), 'x')
    t.equal((await echoed(refused, Buffer.from('x'))).length, 0, 'nobody listens there')
    t.equal(String(await echoed(port, Buffer.from('again'))), 'again', 'and it goes on')
    await client.stop()
  },

  async 'a port-forward without a connection is listed, and can be ended'(t, kit) {
    const client = kit.kubectl.start('port-forward --address 127.0.0.1 pod/web :80', { env: kit.env })
    await client.line()
    const [one] = kit.sessions.list()
    t.match(one, { what: 'forward', user: 'admin', pod: 'web', detail: 'waits for connections' })
    kit.sessions.stop(one?.id ?? '', 'bob')
    await until('it is not listed any more', () => kit.sessions.list().length === 0)
    await client.stop()
  },

  async 'rights: to create opens each of them, to get opens none'(t, kit) {
    const { kubectl, streams } = kit
    streams.ports.set(80, await echoServer(t))
    streams.main = ['echo', 'attached']
    const options = { env: kit.env, kubeconfig: kit.configOf('eva') }
    const reads = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }
    const on = (...verbs: readonly string[]) => ({
      apiGroups: [''],
      resources: ['pods/exec', 'pods/attach', 'pods/portforward'],
      verbs,
    })
    await roleOf(kit, [reads, on('get', 'list', 'watch')])
    for (const [words, door] of [
      ['exec web -- true', 'exec'],
      ['attach web', 'attach'],
      ['port-forward --address 127.0.0.1 pod/web :80', 'portforward'],
    ] as const) {
      const refused = new RegExp(`User "eva" cannot create resource "pods/${door}"`)
      t.match(await kubectl.run(words, options), { code: 1, stderr: refused }, words)
    }
    await kit.objects.modify('Role', { namespace: 'default', name: 'mine' }, role => ({
      ...role,
      ...{ rules: [reads, on('create')] },
    }))
    t.equal(await kubectl.ok('exec web -- echo hello', options), 'hello\n')
    t.equal(await kubectl.ok('attach web', options), 'attached\n')
    const client = kubectl.start('port-forward --address 127.0.0.1 pod/web :80', options)
    const port = Number(/127.0.0.1:(\d+) -> 80/.exec(await client.line())?.[1])
    t.equal(String(await echoed(port, Buffer.from('x'))), 'x')
    await client.stop()
  },
}

/** Gives `eva` a role of these rules. */
const roleOf = async ({ objects }: KubectlKit, rules: readonly object[]): Promise<void> => {
  const metadata = { name: 'mine', namespace: 'default' }
  await objects.create('Role', { metadata, ...{ rules } })
  const apiGroup = 'rbac.authorization.k8s.io'
  await objects.create('RoleBinding', {
    metadata,
    ...{ roleRef: { apiGroup, kind: 'Role', name: 'mine' }, subjects: [{ apiGroup, kind: 'User', name: 'eva' }] },
  })
}

const protocols: { readonly [protocol: string]: { readonly [name: string]: string } } = {
  WebSocket: {},
  SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
}

for (const suite of suites) {
  for (const [protocol, env] of Object.entries(protocols)) {
    t.test(`kubectl of ${suite} over ${protocol}`, async t => {
      const client = await fetchKubectl(suite)
      t.comment(`kubectl ${client.version}`)
      const inside = folderOf(t)
      for (const [story, tell] of Object.entries(stories)) {
        t.test(story, async t => {
          const streams = fakePodStreams(inside)
          const sessions = liveSessions({ tell() {}, now: Date.now, randomHex: n => randomBytes(n).toString('hex') })
          const kit = await startKubectlKit(t, client, { streams, sessions })
          await runningPod(kit)
          await tell(t, { ...kit, streams, sessions, inside, env })
        })
      }
    })
  }
}

const runningPod = async ({ objects }: KubectlKit): Promise<void> => {
  const key = { namespace: 'default', name: 'web' }
  const spec = { nodeName: 'n1', containers: [{ name: 'web', image: 'web:1', stdin: true }] }
  await objects.create<Pod>('Pod', { metadata: key, spec })
  await objects.modify<Pod>('Pod', key, pod => ({ ...pod, status: { ...pod.status, phase: 'Running' } }), {
    subresource: 'status',
  })
}

const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Answers with what it was sent, as soon as the other side has ended. */
const echoServer = async (t: Test): Promise<number> => {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, async socket => {
    open.add(socket)
    socket.on('error', () => {})
    const chunks: Buffer[] = []
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk)
    socket.end(Buffer.concat(chunks))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const echoed = async (port: number, bytes: Uint8Array): Promise<Buffer> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  socket.end(bytes)
  const chunks: Buffer[] = []
  try {
    for await (const chunk of socket) chunks.push(chunk)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  }
  return Buffer.concat(chunks)
}
