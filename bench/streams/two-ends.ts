import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Pod } from '../../src/api/types.ts'
import { nodeSessions } from '../../src/hub/fleet/node-sessions.ts'
import { podLogs } from '../../src/hub/fleet/pod-logs.ts'
import { podStreams } from '../../src/hub/fleet/pod-streams.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import type { HttpRequest } from '../../src/hub/rest/door.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { hubServerName } from '../../src/wire/enrolment.ts'
import type { Command, Result } from '../../src/wire/payloads.ts'
import { type Cable, hubAddress, inNode, layCable } from './cable.ts'
import { drained } from './figures.ts'

/** What the node's process says of itself. */
export interface Usage {
  readonly pid: number
  readonly cpu: { readonly user: number; readonly system: number }
}

type Streams = ReturnType<typeof podStreams>

export interface TwoEnds {
  readonly cable: Cable
  readonly streams: Streams
  readonly pod: Pod
  /** Runs a command in the pod. */
  exec(command: readonly string[], tty?: boolean): ReturnType<Streams['exec']>
  /** Runs it to its end. */
  run(command: string): Promise<unknown>
  /** The first piece of the pod's log. */
  firstLogLine(): Promise<unknown>
  /** Milliseconds until Podman's own command shows it. */
  podmanLogs(): Promise<number>
  usage(): Promise<Usage>
  /** Ends the session: the next stream makes the node dial anew. */
  drop(): void
  close(): Promise<void>
}

const forever = new AbortController().signal

/**
 * The hub's end in this process, the agent's in another one at the other end of a cable, with a pod on real Podman.
 *
 * @example const ends = await twoEnds(world); await ends.run('true'); await ends.close()
 */
export const twoEnds = async (world: { readonly folder: string; readonly cgroupParent: string }): Promise<TwoEnds> => {
  const keys = await openKeys(`${world.folder}/keys`, { now: Date.now, randomBytes, names: [hubAddress] })
  const { key, certificate: cert } = keys.server
  const server = createServer({ key, cert, ca: keys.ca.pem, requestCert: true, rejectUnauthorized: false })
  await new Promise<void>(resolve => server.listen(0, resolve))
  const cable = await layCable((server.address() as AddressInfo).port)
  const node = startNode(world)
  const made = keys.makeClient({
    name: 'system:node:attic',
    groups: ['system:nodes'],
    notAfter: new Date(Date.now() + 86_400_000),
  })
  const tls = { ca: keys.ca.pem, cert: made.certificate, key: made.key, servername: hubServerName }
  const uid = await node.ask<string>('start', tls)

  const sessions = nodeSessions({
    async command(_node, wish): Promise<Result> {
      await node.ask('dial', { ...wish, format: 1, id: 'c', notAfter: '2099-01-01T00:00:00Z' } as Command)
      return { format: 1, id: 'c', ok: true }
    },
    get url() {
      return `wss://${hubAddress}:${cable.way().hubPort}`
    },
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    clock: systemClock,
    log: silentLog,
  })
  server.on('upgrade', (request, socket, head) => {
    const { subject } = (socket as TLSSocket).getPeerCertificate()
    const door: HttpRequest = {
      method: 'GET',
      path: request.url ?? '',
      query: new URLSearchParams(),
      headers: request.headers,
      caller: { user: String(subject.CN), groups: [String(subject.O)], by: 'certificate' },
      remoteAddress: '',
      signal: forever,
      body: async () => Buffer.alloc(0),
    }
    sessions.door.upgrade?.(door, socket, head).catch(() => socket.destroy())
  })

  const streams = podStreams({ sessions })
  const logs = podLogs({ sessions, clock: systemClock })
  const options = { follow: false, previous: false, timestamps: false }
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'default', uid },
    spec: { nodeName: 'attic', containers: [{ name: 'main', image: 'x' }] },
  }
  const exec: TwoEnds['exec'] = (command, tty = false) =>
    streams.exec(pod, 'main', { tty, stdin: true, stdout: true, stderr: !tty, command }, forever)
  return {
    cable,
    streams,
    pod,
    exec,
    run: async command => await drained((await exec(['sh', '-c', command])).stdout),
    firstLogLine: async () => await (await logs.open(pod, 'main', options, forever))[Symbol.asyncIterator]().next(),
    podmanLogs: () => node.ask<number>('podman-logs'),
    usage: () => node.ask<Usage>('usage'),
    drop: () => sessions.drop('attic'),
    async close() {
      sessions.close()
      await node.ask('end').catch(() => undefined)
      cable.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The node's process, and questions to it. */
const startNode = (world: { readonly folder: string; readonly cgroupParent: string }) => {
  const file = fileURLToPath(new URL('node-process.ts', import.meta.url))
  const flags = ['--disable-warning=ExperimentalWarning', file, world.folder, world.cgroupParent]
  const [program = '', ...words] = inNode(process.execPath, ...flags)
  const child = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let asked = 0
  return {
    ask: <T>(what: string, given?: unknown): Promise<T> =>
      new Promise((resolve, reject) => {
        asked += 1
        const id = asked
        const gone = (): void => reject(new Error(`the node's process ended before it answered to "${what}"`))
        const hear = (message: { readonly id: number; readonly answer?: T; readonly error?: string }): void => {
          if (message.id !== id) return
          child.off('message', hear)
          child.off('exit', gone)
          if (message.error === undefined) resolve(message.answer as T)
          else reject(new Error(message.error))
        }
        child.on('message', hear)
        child.once('exit', gone)
        child.send({ id, ask: what, with: given })
      }),
  }
}
