import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Fault, type FaultReason } from '../../src/api/fault.ts'
import type { NodeNetwork } from '../../src/core/nodes/assignment.ts'
import type { Neighbourhood } from '../../src/core/services/neighbourhood.ts'
import type {
  AttachablePod,
  HostPort,
  PodAddress,
  PodEndpointState,
  PodNetwork,
} from '../../src/core/services/pod-network.ts'
import type { LogLevel } from '../../src/lib/log.ts'
import type { ToolResult } from '../../src/netproxy/run-tool.ts'
import { aNetwork } from '../contract/pod-network.ts'

/*
 *        LAN 192.168.77.0/24 (a namespace with a bridge, no way out)
 *      ┌───────────┬───────────┬──────────┐
 *   node .11    node .12    node .13   client .100      each a namespace with eth0
 *    │  │        dunlin0…
 *   pod pod                                             each a namespace, plugged in by the node's own process
 */

export interface NodeOptions {
  readonly stateFolder: string
  readonly runFolder: string
  readonly node: { readonly name: string }
  readonly level: LogLevel
  readonly dnsUpstream?: readonly string[]
  readonly audit?: { readonly watchMs: number; readonly presenceMs: number; readonly contentMs: number }
  readonly dataPlane?: 'nftables' | 'userspace'
}

export type NodeCall =
  | { readonly method: 'configure'; readonly network: NodeNetwork }
  | { readonly method: 'attach'; readonly pod: AttachablePod }
  | { readonly method: 'detach'; readonly uid: string; readonly forget: boolean }
  | { readonly method: 'setNeighbourhood'; readonly neighbourhood: Neighbourhood }
  | { readonly method: 'setPodStates'; readonly states: readonly (readonly [string, PodEndpointState])[] }
  | { readonly method: 'attached' | 'applied' | 'troubles' | 'close' | 'takeDown' }

/** A network namespace of the laboratory. */
export interface Place {
  readonly name: string
  readonly path: string
  run(program: string, args: readonly string[], input?: string): Promise<ToolResult>
  /** Standard output of a program that must succeed. */
  read(program: string, ...args: readonly string[]): Promise<string>
  /** A server: resolves when it is ready. Ended with the laboratory, or by `end`. */
  serve(...words: readonly string[]): Promise<Running>
  /** What a client prints until it ends. */
  watch(...words: readonly string[]): Promise<string>
  /** Answers to requests, one after another. */
  ask(protocol: 'tcp' | 'udp', address: string, port: number, count?: number): Promise<readonly string[]>
}

export interface Running {
  /** Writes a line and resolves with the next line of output. */
  say(line: string): Promise<string>
  /** Next line of output. */
  next(): Promise<string>
  end(): Promise<void>
}

export interface LabNode extends Place {
  readonly nodeName: string
  readonly lanAddress: string
  readonly network: NodeNetwork
  /** The pod network in its process. `attached` is as of the last answer of `refresh`. */
  readonly proxy: RemotePodNetwork
  /** A pod: a namespace on this node's network. */
  pod(uid: string, hostPorts?: readonly HostPort[]): Promise<LabPod>
  /** A namespace for a pod, on no network yet. */
  sandbox(uid: string, hostPorts?: readonly HostPort[]): Promise<AttachablePod>
  /** Ends the process as a crash would, and starts it again. */
  crash(): Promise<void>
  start(): Promise<void>
}

export interface LabPod extends Place {
  readonly uid: string
  readonly ip: string
}

export interface RemotePodNetwork
  extends Omit<PodNetwork, 'attached' | 'setNeighbourhood' | 'setPodStates' | 'troubles'> {
  attached(): Promise<ReadonlyMap<string, PodAddress>>
  setNeighbourhood(neighbourhood: Neighbourhood): Promise<void>
  setPodStates(states: ReadonlyMap<string, PodEndpointState>): Promise<void>
  troubles(): Promise<readonly string[]>
}

export interface Lab {
  readonly client: Place
  /** The node's number: 1 is 192.168.77.11 with pods 10.64.0.0/25, 2 is .12 with 10.64.0.128/25, … */
  node(number: number, options?: Partial<NodeOptions> & { readonly isConfigured?: boolean }): Promise<LabNode>
  /** A host on the LAN that knows no route to pods. */
  host(address: string): Promise<Place>
  /** A namespace with nothing in it. */
  empty(): Promise<Place>
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
let count = 0

/** A laboratory that is gone, whole, when the test ends. Needs root. */
export const lab = async (t: Pick<Test, 'teardown'>): Promise<Lab> => {
  await sweep()
  const prefix = `np${process.pid}x${count++}`
  const folder = await mkdtemp(join(tmpdir(), 'netproxy-'))
  const ends: (() => Promise<void>)[] = []
  t.teardown(async () => {
    for (const end of ends.toReversed()) await end()
    await rm(folder, { recursive: true, force: true })
  })
  let places = 0

  const empty = async (): Promise<Place> => {
    const name = `${prefix}n${places++}`
    await must('ip', ['netns', 'add', name])
    ends.push(async () => void (await exec('ip', ['netns', 'del', name])))
    const place = placeIn(name, ends)
    await must('nsenter', [`--net=${place.path}`, 'ip', 'link', 'set', 'lo', 'up'])
    // Many clients behind one address, servers that close first: without it TIME_WAIT eats new connections.
    await place.run('sh', ['-c', 'echo 2 > /proc/sys/net/ipv4/tcp_timestamps'])
    return place
  }

  const wire = await empty()
  await wire.read('ip', 'link', 'add', 'br0', 'type', 'bridge')
  await wire.read('ip', 'link', 'set', 'br0', 'up')
  await wire.run('sh', ['-c', 'echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables'])

  const host = async (address: string): Promise<Place> => {
    const place = await empty()
    const port = `p${places}`
    await place.read('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', wire.name)
    await place.read('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    await place.read('ip', 'link', 'set', 'eth0', 'up')
    await wire.read('ip', 'link', 'set', port, 'master', 'br0', 'up')
    return place
  }

  const node: Lab['node'] = async (number, options = {}) => {
    const lanAddress = `192.168.77.${10 + number}`
    const place = await host(lanAddress)
    const nodeName = `node-${number}`
    const index = number - 1
    const network = { ...aNetwork, podCIDR: `10.64.${Math.floor(index / 2)}.${(index % 2) * 128}/25` }
    const { isConfigured = true, ...more } = options
    const nodeOptions: NodeOptions = {
      stateFolder: join(folder, nodeName, 'state'),
      runFolder: join(folder, nodeName, 'run'),
      node: { name: nodeName },
      level: 'error',
      ...more,
    }
    let remote = await remoteNode(place, nodeOptions)
    ends.push(async () => remote.end())
    const proxy = proxyOf(call => remote.call(call))
    const sandbox = async (uid: string, hostPorts: readonly HostPort[] = []) => {
      const { path } = await empty()
      return { uid, namespace: 'default', name: uid, netnsPath: path, hostPorts }
    }
    const made: LabNode = {
      ...place,
      nodeName,
      lanAddress,
      network,
      proxy,
      sandbox,
      async pod(uid, hostPorts = []) {
        const pod = await sandbox(uid, hostPorts)
        const { ip } = await proxy.attach(pod)
        return { ...placeIn(pod.netnsPath.split('/').at(-1) ?? '', ends), uid, ip }
      },
      async crash() {
        await remote.end()
      },
      async start() {
        remote = await remoteNode(place, nodeOptions)
      },
    }
    if (isConfigured) await proxy.configure(network)
    return made
  }

  return { client: await host('192.168.77.100'), node, host, empty }
}

/** Takes away what runs that were killed have left. */
const sweep = async (): Promise<void> => {
  for (const [name, pid] of (await must('ip', ['netns', 'list'])).matchAll(/^np(\d+)x\d+n\d+/gm))
    if (!existsSync(`/proc/${pid}`)) await exec('ip', ['netns', 'del', name])
}

const proxyOf = (call: (call: NodeCall) => Promise<unknown>): RemotePodNetwork => ({
  configure: async network => void (await call({ method: 'configure', network })),
  attach: async pod => (await call({ method: 'attach', pod })) as PodAddress,
  detach: async (uid, { forget }) => void (await call({ method: 'detach', uid, forget })),
  attached: async () => new Map((await call({ method: 'attached' })) as [string, PodAddress][]),
  setNeighbourhood: async neighbourhood => void (await call({ method: 'setNeighbourhood', neighbourhood })),
  setPodStates: async states => void (await call({ method: 'setPodStates', states: [...states] })),
  applied: async () => void (await call({ method: 'applied' })),
  troubles: async () => (await call({ method: 'troubles' })) as readonly string[],
  close: async () => void (await call({ method: 'close' })),
  takeDown: async () => void (await call({ method: 'takeDown' })),
})

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: {
    readonly message: string
    readonly reason?: FaultReason
    readonly about?: { readonly [fact: string]: unknown }
  }
}

const remoteNode = async (place: Place, options: NodeOptions) => {
  const child = spawn(
    'nsenter',
    [`--net=${place.path}`, process.execPath, here('netproxy-node.ts'), JSON.stringify(options)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  )
  const waiting = new Map<number, (answer: Answer) => void>()
  let last = 0
  const first = new Promise<void>(resolve => waiting.set(0, () => resolve()))
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  child.on('exit', () => {
    for (const wake of waiting.values()) wake({ id: 0, error: { message: 'the process has ended' } })
    waiting.clear()
  })
  await first
  return {
    call: (call: NodeCall): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = ++last
        waiting.set(id, ({ value, error }) => {
          if (error === undefined) resolve(value)
          else
            reject(
              error.reason === undefined
                ? new Error(error.message)
                : new Fault(error.reason, error.message, error.about),
            )
        })
        child.send({ id, call })
      }),
    end: () => ended(child),
  }
}

const placeIn = (name: string, ends: (() => Promise<void>)[]): Place => {
  const path = `/run/netns/${name}`
  const run = (program: string, args: readonly string[], input?: string) =>
    exec('nsenter', [`--net=${path}`, program, ...args], input)
  return {
    name,
    path,
    run,
    read: (program, ...args) => must('nsenter', [`--net=${path}`, program, ...args]),
    async serve(...words) {
      const child = spawn('nsenter', [`--net=${path}`, process.execPath, here('netproxy-peer.ts'), ...words], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      ends.push(() => ended(child))
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const next = async (): Promise<string> => {
        const { value, done } = await lines.next()
        return done === true ? 'END' : String(value)
      }
      const running: Running = {
        next,
        say: line => {
          child.stdin.write(`${line}\n`)
          return next()
        },
        end: () => ended(child),
      }
      const word = await next()
      if (word !== 'ready') throw new Error(`${words.join(' ')}: ${word}`)
      return running
    },
    watch: (...words) => must('nsenter', [`--net=${path}`, process.execPath, here('netproxy-peer.ts'), ...words]),
    async ask(protocol, address, port, times = 1) {
      const text = await must('nsenter', [
        `--net=${path}`,
        process.execPath,
        here('netproxy-peer.ts'),
        'ask',
        protocol,
        address,
        String(port),
        String(times),
      ])
      return JSON.parse(text) as readonly string[]
    },
  }
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('exit', () => resolve())
    child.kill('SIGKILL')
  })

const exec = (program: string, args: readonly string[], input?: string): Promise<ToolResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', chunk => {
      stdout += chunk
    })
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      stderr += chunk
    })
    child.stdin?.end(input)
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 128, stdout, stderr }))
  })

const must = async (program: string, args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await exec(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code} ${stderr}`)
  return stdout
}
