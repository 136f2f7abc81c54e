import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { mustRun, type ProgramResult, runProgram } from '../../src/runtime-podman/run-program.ts'
import { natRouter } from './nat-router.ts'
import { type OwnWorld, removeCgroups } from './own-world.ts'

/*
 *   the test's own world ── lan0 (bridge, 192.168.50.1/24: the test and its hub are here)
 *      │         │
 *     lan1      lan2          one end of a veth each
 *      │         │
 *     eth0      eth0          192.168.50.11, .12
 *   node "a"  node "b"        network, mounts, processes, host name, IPC, /run and /dev/shm of their own
 *
 *   A node's disk is a folder; its init ending is a loss of power.
 */

export interface Lan {
  /** The address of the test itself, and the gateway of all nodes. */
  readonly address: string
  readonly bridge: string
  /** `nat`: behind a router of its own, from which only these ports of the test's address can be reached. */
  startNode(of: {
    readonly name: string
    readonly resolvConf?: string
    readonly nat?: readonly number[]
  }): Promise<FleetNode>
  readonly nodes: readonly FleetNode[]
  /** Ends every node and takes the bridge away. */
  close(): Promise<void>
}

export interface FleetNode {
  readonly name: string
  readonly address: string
  /** The node's disk: a folder of the same path inside and outside; it outlives a loss of power. */
  readonly disk: string
  /** The cgroup above all that the node runs; hierarchies are shared with the machine. */
  readonly cgroupParent: string
  /** Whether it has power. */
  readonly isOn: boolean
  /** Starts a program on the node. It ends with the node. */
  spawn(words: readonly string[], env?: { readonly [name: string]: string }): NodeProcess
  /** Runs a program on the node to its end. */
  exec(
    words: readonly string[],
    options?: { readonly timeoutMs?: number; readonly input?: string },
  ): Promise<ProgramResult>
  /** As a pulled plug: every process at once, no goodbye; /run and all mounts and interfaces are gone. */
  powerOff(): Promise<void>
  powerOn(): Promise<void>
  /** Takes the cable out, or puts it back. */
  setLink(state: 'up' | 'down'): Promise<void>
  /** Which ports of the hub its router lets it reach from now on. Only for one behind a router. */
  setReachable(ports: readonly number[]): Promise<void>
}

export interface NodeProcess {
  /** The last 256 KiB of standard output and error. */
  output(): string
  /** The exit code, or 128 and the signal. */
  readonly exited: Promise<number>
  /** Signals the program itself, e.g. `SIGKILL`. */
  kill(signal: NodeJS.Signals): void
}

const subnet = '192.168.50'

/** What a node does first, then reaps for ever; "$1" is its name. */
const initScript = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
rmdir /run/cgroup
if [ -n "$2" ]; then printf '%s\\n' "$2" > /run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf; fi
hostname "$1"
ip link set lo up
echo ready
while :; do sleep 3600 & wait; done
`

/**
 * A LAN in the test's own world. Use it inside `ownWorld` only: its bridge would otherwise be the machine's.
 *
 * @example
 * const world = ownWorld(import.meta.filename)
 * const net = await lan(world)
 * const a = await net.startNode({ name: 'a' })
 * await a.exec(['ping', '-c1', net.address])
 */
export const lan = async (world: OwnWorld): Promise<Lan> => {
  const nodes: (FleetNode & { close(): Promise<void> })[] = []
  const bridge = 'lan0'
  await mustRun(['ip', 'link', 'add', bridge, 'type', 'bridge'])
  await mustRun(['ip', 'address', 'add', `${subnet}.1/24`, 'dev', bridge])
  await mustRun(['ip', 'link', 'set', bridge, 'up'])
  return {
    address: `${subnet}.1`,
    bridge,
    nodes,
    async startNode(of) {
      const node = fleetNode({ ...of, world, bridge, number: nodes.length + 1 })
      nodes.push(node)
      await node.powerOn()
      return node
    },
    async close() {
      await Promise.all(nodes.map(node => node.close()))
      await runProgram(['ip', 'link', 'delete', bridge])
    },
  }
}

/** One node on a LAN. */
export const startNode = (of: {
  readonly name: string
  readonly lan: Lan
  readonly resolvConf?: string
}): Promise<FleetNode> => of.lan.startNode(of)

const fleetNode = (of: {
  readonly name: string
  readonly resolvConf?: string
  readonly nat?: readonly number[]
  readonly world: OwnWorld
  readonly bridge: string
  readonly number: number
}) => {
  const disk = `${of.world.folder}/nodes/${of.name}`
  const cgroupParent = `${of.world.cgroupParent}-${of.name}`
  const cable = `lan${of.number}`
  const onLan = `${subnet}.${10 + of.number}`
  const hub = `${subnet}.1`
  const router = of.nat && natRouter({ ...of, cable, wan: `${onLan}/24`, hub: { address: hub, ports: of.nat } })
  const address = router?.address ?? onLan
  let init: { readonly process: ChildProcess; readonly pid: number } | undefined

  const inside = (): readonly string[] => {
    if (init === undefined) throw new Error(`node ${of.name} has no power: call powerOn() first`)
    return ['nsenter', '--target', String(init.pid), '--all', '--']
  }

  const powerOn = async (): Promise<void> => {
    if (init !== undefined) return
    mkdirSync(disk, { recursive: true })
    const flags = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
    const process = spawn('unshare', [...flags, 'sh', '-c', initScript, 'init', of.name, of.resolvConf ?? ''], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await ready(process, of.name)
    const pid = Number(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ')[0])
    init = { process, pid }
    if (router === undefined) {
      await mustRun(['ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)])
      await mustRun(['ip', 'link', 'set', cable, 'master', of.bridge, 'up'])
    } else await router.plug(pid)
    for (const words of [
      ['ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'],
      ['ip', 'link', 'set', 'eth0', 'up'],
      ['ip', 'route', 'add', 'default', 'via', router?.gateway ?? hub],
    ])
      await mustRun([...inside(), ...words])
  }

  const powerOff = async (): Promise<void> => {
    if (init === undefined) return
    const { process: holder, pid } = init
    init = undefined
    const ended = new Promise(resolve => holder.once('exit', resolve))
    process.kill(pid, 'SIGKILL')
    if (holder.exitCode === null && holder.signalCode === null) await ended
    // The kernel takes the interfaces away a moment after the last process; a name must be free for the next start.
    await runProgram(['ip', 'link', 'delete', cable])
    await router?.remove()
    removeCgroups(cgroupParent.slice(1))
  }

  return {
    name: of.name,
    address,
    disk,
    cgroupParent,
    get isOn() {
      return init !== undefined
    },
    spawn: (words: readonly string[], env: { readonly [name: string]: string } = {}) =>
      nodeProcess([...inside(), ...words], env),
    exec: (words: readonly string[], options: { readonly timeoutMs?: number; readonly input?: string } = {}) =>
      runProgram([...inside(), ...words], options),
    powerOff,
    powerOn,
    async setLink(state: 'up' | 'down') {
      await mustRun(['ip', 'link', 'set', cable, state])
    },
    async setReachable(ports: readonly number[]) {
      if (router === undefined) throw new Error(`node ${of.name} has no router: start it with "nat"`)
      await router.allow(ports)
    },
    async close() {
      await powerOff()
      await rm(disk, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Resolves at the first word of the node's init. */
const ready = (init: ChildProcess, name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ''
    init.stdout?.once('data', () => resolve())
    init.stderr?.on('data', (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-2000)
    })
    init.once('exit', code => reject(new Error(`node ${name} did not start (${code}): ${said}`)))
    init.once('error', reject)
  })

/** Bytes of output that are kept of a program; the oldest go first. */
const mostOutput = 256 * 1024

const nodeProcess = (words: readonly string[], env: { readonly [name: string]: string }): NodeProcess => {
  const [program = '', ...args] = words
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let output = ''
  const take = (chunk: Buffer): void => {
    output = `${output}${chunk}`.slice(-mostOutput)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)))
  })
  return {
    output: () => output,
    exited,
    kill(signal) {
      // nsenter waits outside of the node's process namespace; the program is its child.
      const own = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      for (const pid of own === '' ? [] : own.split(' ')) process.kill(Number(pid), signal)
    },
  }
}
