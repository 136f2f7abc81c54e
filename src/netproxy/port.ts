import { stat } from 'node:fs/promises'
import { Fault } from '../api/fault.ts'
import type { Cidr } from '../core/services/cidr.ts'
import { gatewayOf } from '../core/services/pod-addresses.ts'
import { bridgeName } from '../core/services/ruleset.ts'
import type { BridgeMode } from './bridge.ts'
import { noIpv6Addresses, portFlags } from './bridge.ts'
import { linksNow, macOf, portName, unfinishedPortName } from './links.ts'
import type { RunTool } from './run-tool.ts'
import { mustRun } from './run-tool.ts'

export interface PortWanted {
  readonly uid: string
  readonly netnsPath: string
  readonly ip: string
  readonly range: Cidr
  readonly mtu: number
  readonly mode: BridgeMode
}

/** Whether the pod's namespace has its end of the pair with its address (then the other end is ours already). */
export const isPlugged = async (run: RunTool, want: PortWanted): Promise<boolean> => {
  if (!linksNow().has(portName(want.uid))) return false
  await checkNetns(want.netnsPath)
  const shown = await run('nsenter', [`--net=${want.netnsPath}`, 'ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0'])
  return shown.code === 0 && shown.stdout.includes(` ${want.ip}/`)
}

/**
 * Makes the pair from inside the pod's namespace, sets that end up, then gives the host end its name, its bridge and its flags.
 * The host end bears its final name only when all of it is done.
 */
export const plug = async (run: RunTool, want: PortWanted): Promise<void> => {
  await checkNetns(want.netnsPath)
  const unfinished = unfinishedPortName(want.uid)
  const port = portName(want.uid)
  await unplug(run, want.uid)
  await mustRun(
    run,
    'nsenter',
    [`--net=${want.netnsPath}`, 'ip', '-batch', '-'],
    [
      `link add eth0 address ${macOf(want.ip)} mtu ${want.mtu} type veth peer name ${unfinished} mtu ${want.mtu} netns /proc/${process.pid}/ns/net`,
      'link set lo up',
      // A pod knows no neighbour but the bridge: whichever way its packets take there, it has nothing stale to remember.
      `addr add ${want.ip}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gatewayOf(want.range)} dev eth0 scope link`,
      `route add default via ${gatewayOf(want.range)} dev eth0`,
      '',
    ].join('\n'),
  )
  await mustRun(
    run,
    'ip',
    ['-batch', '-'],
    [
      `link set ${unfinished} master ${bridgeName}${noIpv6Addresses()}`,
      `link set ${unfinished} type bridge_slave ${portFlags(want.mode)}`,
      `link set ${unfinished} name ${port}`,
      `link set ${port} up`,
      '',
    ].join('\n'),
  )
}

/** Takes the pair away, finished or not. Nothing happens where there is none. */
export const unplug = async (run: RunTool, uid: string): Promise<void> => {
  const links = linksNow()
  for (const name of [portName(uid), unfinishedPortName(uid)])
    if (links.has(name)) await mustRun(run, 'ip', ['link', 'del', name], undefined, isNotThere)
}

export const isNotThere = (stderr: string): boolean => /Cannot find device|No such device|does not exist/.test(stderr)

const checkNetns = async (path: string): Promise<void> => {
  if (!/^\/[A-Za-z0-9_./-]+$/.test(path))
    throw new Fault('Invalid', `"${path}" is no path of a network namespace: an absolute path was expected`)
  try {
    await stat(path)
  } catch (cause) {
    throw new Fault(
      'NotFound',
      `the pod's network namespace ${path} is not there: make its sandbox first`,
      { path },
      cause,
    )
  }
}
