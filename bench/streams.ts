import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Pod } from '../src/api/types.ts'
import { nodeSessions } from '../src/hub/fleet/node-sessions.ts'
import { podLogs } from '../src/hub/fleet/pod-logs.ts'
import { podStreams } from '../src/hub/fleet/pod-streams.ts'
import { openKeys } from '../src/hub/identity/keys.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { hubServerName } from '../src/wire/enrolment.ts'
import type { Command, Result } from '../src/wire/payloads.ts'
import { ownWorld } from '../test/fleet/own-world.ts'
import { tcpRelay } from '../test/support/tcp-relay.ts'
import { median, report } from './measure.ts'

/*
 * What the side channel costs beside ssh to the same node.
 *
 *   this process: hub's end, ssh, scp ── relay (delay) ── veth, tbf (rate) ── node: agent's end, Podman, sshd
 *
 * Needs root. sshd is looked for in SSHD, else /usr/sbin/sshd (Debian's openssh-server); without it its rows are left out.
 */
const world = ownWorld(import.meta.filename)
const sshd = process.env['SSHD'] ?? '/usr/sbin/sshd'
const sftp = process.env['SFTP_SERVER'] ?? '/usr/lib/openssh/sftp-server'
const hasSsh = existsSync(sshd)

const must = (...words: readonly string[]): void => {
  const [program = '', ...args] = words
  const done = spawnSync(program, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${words.join(' ')}: ${done.stderr}`)
}

// One cable between two network namespaces.
must('ip', 'netns', 'add', 'node')
must('ip', 'link', 'add', 'hub0', 'type', 'veth', 'peer', 'name', 'node0', 'netns', 'node')
must('ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'hub0')
must('ip', 'link', 'set', 'hub0', 'up')
const inNode = (...words: readonly string[]): readonly string[] => ['nsenter', '--net=/run/netns/node', '--', ...words]
must(...inNode('ip', 'addr', 'add', '10.9.0.2/24', 'dev', 'node0'))
must(...inNode('ip', 'link', 'set', 'node0', 'up'))
must(...inNode('ip', 'link', 'set', 'lo', 'up'))
const slowLink = (isSlow: boolean): void => {
  const shape = ['root', 'tbf', 'rate', '5mbit', 'burst', '16kb', 'latency', '100ms']
  const words = (device: string) => [
    'tc',
    'qdisc',
    isSlow ? 'add' : 'del',
    'dev',
    device,
    ...(isSlow ? shape : ['root']),
  ]
  must(...words('hub0'))
  must(...inNode(...words('node0')))
}

const keys = await openKeys(`${world.folder}/keys`, { now: Date.now, randomBytes, names: ['10.9.0.1'] })
const server = createServer({
  key: keys.server.key,
  cert: keys.server.certificate,
  ca: keys.ca.pem,
  requestCert: true,
  rejectUnauthorized: false,
})
await new Promise<void>(resolve => server.listen(0, resolve))
const hubPort = (server.address() as AddressInfo).port
const made = keys.makeClient({
  name: 'system:node:attic',
  groups: ['system:nodes'],
  notAfter: new Date(Date.now() + 86_400_000),
})

const child: ChildProcess = spawn(
  'nsenter',
  [
    '--net=/run/netns/node',
    '--',
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    fileURLToPath(new URL('kit-stream-node.ts', import.meta.url)),
    world.folder,
    world.cgroupParent,
  ],
  { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
)
let asked = 0
const ask = <T>(what: string, given?: unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    asked += 1
    const id = asked
    const hear = (message: { readonly id: number; readonly answer?: T; readonly error?: string }): void => {
      if (message.id !== id) return
      child.off('message', hear)
      if (message.error === undefined) resolve(message.answer as T)
      else reject(new Error(message.error))
    }
    child.on('message', hear)
    child.send({ id, ask: what, with: given })
  })

/** The way of both: the node dials the hub through it, and ssh comes to the node through it. */
const relay = await tcpRelay(hubPort, { delayMs: 0, host: '0.0.0.0' })
const sshRelay = await tcpRelay(22, { delayMs: 0, toHost: '10.9.0.2' })
const delay = (ms: number): void => {
  relay.setDelay(ms)
  sshRelay.setDelay(ms)
}
const uid = await ask<string>('start', {
  tls: { ca: keys.ca.pem, cert: made.certificate, key: made.key, servername: hubServerName },
  host: `10.9.0.1:${relay.port}`,
})

const sessions = nodeSessions({
  async command(_node, wish): Promise<Result> {
    const command = { ...wish, format: 1, id: 'c', notAfter: '2099-01-01T00:00:00Z' } as Command
    await ask('dial', command)
    return { format: 1, id: 'c', ok: true }
  },
  url: `wss://10.9.0.1:${relay.port}`,
  randomHex: bytes => randomBytes(bytes).toString('hex'),
  clock: systemClock,
  log: silentLog,
})
server.on('upgrade', (request, socket, head) => {
  const certificate = (socket as TLSSocket).getPeerCertificate()
  const caller = {
    user: String(certificate.subject.CN),
    groups: [String(certificate.subject.O)],
    by: 'certificate' as const,
  }
  const door = {
    method: 'GET',
    path: request.url ?? '',
    query: new URLSearchParams(),
    headers: request.headers,
    caller,
    remoteAddress: '',
    signal: new AbortController().signal,
    body: async () => Buffer.alloc(0),
  }
  sessions.door.upgrade?.(door, socket, head).catch(() => socket.destroy())
})
const streams = podStreams({ sessions })
const logs = podLogs({ sessions, clock: systemClock })
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image: 'x' }] },
}
const forever = new AbortController().signal
const exec = (command: readonly string[], tty = false) =>
  streams.exec(pod, 'main', { tty, stdin: true, stdout: true, stderr: !tty, command }, forever)

// ssh: keys of its own; a user for its lesser rights, in this world's own list of users.
const ssh = `${world.folder}/ssh`
const sshWords = [
  '-F',
  'none',
  '-i',
  `${ssh}/id`,
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  'UserKnownHostsFile=/dev/null',
  '-o',
  'LogLevel=ERROR',
]
let sshServer: ChildProcess | undefined
if (hasSsh) {
  mkdirSync(ssh, { mode: 0o700 })
  mkdirSync('/run/sshd', { recursive: true })
  for (const name of ['id', 'host']) must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', `${ssh}/${name}`)
  copyFileSync(`${ssh}/id.pub`, `${ssh}/authorized`)
  writeFileSync(
    `${ssh}/passwd`,
    `${readFileSync('/etc/passwd', 'utf8').replaceAll(/^sshd:.*\n/gm, '')}sshd:x:999:65534::/run/sshd:/usr/sbin/nologin\n`,
  )
  must('mount', '--bind', `${ssh}/passwd`, '/etc/passwd')
  writeFileSync(
    `${ssh}/config`,
    `HostKey ${ssh}/host\nAuthorizedKeysFile ${ssh}/authorized\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nSubsystem sftp ${sftp}\nListenAddress 10.9.0.2:22\nPidFile none\n`,
  )
  const words = inNode(sshd, '-D', '-e', '-f', `${ssh}/config`)
  sshServer = spawn(words[0] ?? '', words.slice(1), { stdio: 'ignore' })
  await new Promise(resolve => setTimeout(resolve, 500))
}
const viaSsh = (...words: readonly string[]) =>
  spawn('ssh', [...sshWords, '-T', '-p', String(sshRelay.port), 'root@127.0.0.1', ...words], {
    stdio: ['pipe', 'pipe', 'inherit'] as const,
  })

/** Milliseconds from a byte to its echo, again and again. */
const echoes = async (
  write: (bytes: Uint8Array) => unknown,
  output: AsyncIterable<Uint8Array>,
  rounds: number,
): Promise<readonly number[]> => {
  const seen = output[Symbol.asyncIterator]()
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now()
    write(Buffer.from('x'))
    await seen.next()
    times.push(performance.now() - began)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return times
}
const drained = async (source: AsyncIterable<Uint8Array>, most = Number.POSITIVE_INFINITY): Promise<number> => {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes >= most) break
  }
  return bytes
}
const rows = (name: string, values: readonly number[]) => ({
  name,
  values,
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})
/** MB a second of `bytes` that `deed` moves. */
const rate = async (bytes: number, deed: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await deed()
  return bytes / 1000 / (performance.now() - began)
}
const ended = (one: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) =>
    one.on('exit', code => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`)))),
  )

// The file that is copied: in the container for us, on the node for scp.
await drained(
  (await exec(['sh', '-c', 'head -c 200000000 /dev/urandom > /tmp/big; head -c 3000000 /tmp/big > /tmp/small'])).stdout,
)
must(
  'sh',
  '-c',
  `head -c 200000000 /dev/urandom > ${world.folder}/big; head -c 3000000 ${world.folder}/big > ${world.folder}/small`,
)
const copied = async (name: string) =>
  await drained((await streams.copyOut(pod, 'main', `/tmp/${name}`, forever)).incoming)
const scp = (name: string) =>
  ended(
    spawn(
      'scp',
      [...sshWords, '-q', '-P', String(sshRelay.port), `root@127.0.0.1:${world.folder}/${name}`, '/dev/shm/copied'],
      { stdio: 'inherit' },
    ),
  )

// First log line.
const options = { follow: false, previous: false, timestamps: false }
const times: { cold: number[]; warm: number[]; podman: number[] } = { cold: [], warm: [], podman: [] }
for (let round = 0; round < 7; round += 1) {
  times.podman.push(await ask<number>('podman-logs'))
  sessions.drop('attic')
  for (const which of ['cold', 'warm'] as const) {
    const began = performance.now()
    await (await logs.open(pod, 'main', options, forever))[Symbol.asyncIterator]().next()
    times[which].push(performance.now() - began)
  }
}
report('streams first log line', 'ms', [
  rows('podman logs', times.podman),
  rows('Dunlin, no session yet', times.cold),
  rows('Dunlin, in a session', times.warm),
])

// On the bare LAN.
type Usage = { readonly cpu: { readonly user: number; readonly system: number }; readonly rss: number }
const cpuMs = (of: Usage['cpu']) => (of.user + of.system) / 1000
const measured = async (bytes: number, deed: () => Promise<unknown>) => {
  const before = { hub: process.cpuUsage(), node: (await ask<Usage>('usage')).cpu }
  const speed = await rate(bytes, deed)
  const after = { hub: process.cpuUsage(), node: (await ask<Usage>('usage')).cpu }
  const mb = bytes / 1e6
  return {
    speed,
    hub: (cpuMs(after.hub) - cpuMs(before.hub)) / mb,
    node: (cpuMs(after.node) - cpuMs(before.node)) / mb,
  }
}
const big = 200_000_000
const ways: { readonly name: string; run(bytes: number): Promise<unknown> }[] = [
  { name: 'exec', run: async bytes => await drained((await exec(['head', '-c', String(bytes), '/dev/zero'])).stdout) },
  { name: 'cp out', run: async bytes => await copied(bytes === big ? 'big' : 'small') },
  {
    name: 'port-forward',
    async run(bytes) {
      const connection = await streams.forward(pod, 7002, forever)
      await drained(connection.incoming, bytes)
      connection.reset('enough')
    },
  },
]
const sshWays: typeof ways = hasSsh
  ? [
      { name: 'ssh', run: async bytes => await drained(viaSsh('head', '-c', String(bytes), '/dev/zero').stdout) },
      { name: 'scp', run: bytes => scp(bytes === big ? 'big' : 'small') },
    ]
  : []
const lan = []
const cpu = []
for (const way of [...sshWays, ...ways]) {
  const found = []
  for (let round = 0; round < 3; round += 1) found.push(await measured(big, () => way.run(big)))
  lan.push(
    rows(
      `${way.name}, LAN`,
      found.map(one => one.speed),
    ),
  )
  if (ways.includes(way))
    for (const end of ['hub', 'node'] as const)
      cpu.push(
        rows(
          `${way.name}, ${end}`,
          found.map(one => one[end]),
        ),
      )
}
report('streams throughput on the LAN', 'MB/s', lan, { bytes: big })
report('streams CPU', 'ms a MB', cpu, { bytes: big })

// On a slow link.
slowLink(true)
delay(20)
sessions.drop('attic')
const slow = []
for (const way of [...sshWays, ...ways]) {
  const found = []
  for (let round = 0; round < 2; round += 1) found.push(await rate(3_000_000, () => way.run(3_000_000)))
  slow.push(rows(`${way.name}, 5 Mbit/s, 40 ms`, found))
}
report('streams throughput on a slow link', 'MB/s', slow, { bytes: 3_000_000, burst: '16kb', queue: '100 ms' })

const typed = await exec(['cat'])
const echo = (rounds: number) => echoes(bytes => void typed.stdin.write(bytes), typed.stdout, rounds)
await echo(3)
const idle = await echo(30)
const copying = streams.copyOut(pod, 'main', '/tmp/big', forever)
const bulk = drained((await copying).incoming).catch(() => 0)
await new Promise(resolve => setTimeout(resolve, 3000))
const busy = await echo(40)
;(await copying).reset('enough')
await bulk
const echoRows = [rows('Dunlin, idle', idle), rows('Dunlin, during a copy', busy)]
if (hasSsh) {
  const shell = viaSsh('cat')
  const ours = (rounds: number) => echoes(bytes => shell.stdin.write(bytes), shell.stdout, rounds)
  await ours(3)
  echoRows.push(rows('ssh, idle', await ours(30)))
  const beside = spawn('scp', [
    ...sshWords,
    '-q',
    '-P',
    String(sshRelay.port),
    `root@127.0.0.1:${world.folder}/big`,
    '/dev/shm/copied',
  ])
  await new Promise(resolve => setTimeout(resolve, 3000))
  echoRows.push(rows('ssh, during scp', await ours(40)))
  beside.kill()
  shell.kill()
}
report('streams keystroke echo', 'ms', echoRows, { link: '5 Mbit/s, 40 ms there and back', queue: '100 ms' })
slowLink(false)
delay(0)

// Memory.
sessions.drop('attic')
await drained((await exec(['true'])).stdout)
const mib = (bytes: number): number => bytes / 1024 / 1024
const before = { hub: process.memoryUsage.rss(), node: (await ask<Usage>('usage')).rss }
const open = []
for (let index = 0; index < 100; index += 1) open.push(await exec(['cat'], true))
const after = { hub: process.memoryUsage.rss(), node: (await ask<Usage>('usage')).rss }
report('streams memory of 100 sessions', 'MiB', [
  rows('hub, none', [mib(before.hub)]),
  rows('hub, 100 terminals', [mib(after.hub)]),
  rows('agent, none', [mib(before.node)]),
  rows('agent, 100 terminals', [mib(after.node)]),
])
for (const one of open) one.close('enough')

sessions.close()
sshServer?.kill()
await ask('end').catch(() => undefined)
relay.close()
sshRelay.close()
server.closeAllConnections()
server.close()
process.exit(0)
