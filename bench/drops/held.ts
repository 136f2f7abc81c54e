import { listAt, textAt } from '../../src/cli/shown.ts'
import { cardStore } from '../../src/runtime-podman/settings.ts'
import type { AgentNode, Fleet } from '../../test/fleet/kit.ts'
import { type Counts, countInside, type InsideCounts } from '../soak/counts.ts'
import { pidsOf, readProcess } from '../soak/read-process.ts'

/** What a number of sessions may leave behind. */
export interface Held {
  readonly hub: Counts['hub']
  readonly agent: Counts['agent']
  /** Processes of the whole world but the engine's service, which comes and goes. */
  readonly processes: number
  readonly monitors: number
  /** Commands in the pod's container that the engine still knows. */
  readonly execSessions: number
  /** As the hub's own list has them. */
  readonly listed: number
  /** As the hub's metrics count them. */
  readonly streams: number
}

/** Looks at everything once. */
export const heldNow = async (of: {
  readonly fleet: Fleet
  readonly node: AgentNode
  readonly agentPid: number
  readonly countsFolder: string
}): Promise<Held> => {
  const { fleet } = of
  const listed = listAt(await fleet.kube.request('GET', '/apis/dunlin.io/v1/sessions'), 'items').length
  const streams = await streamsOf(fleet)
  const execSessions = await execSessionsOf(of.node)
  // Our own connections to the hub are not the hub's.
  fleet.kube.close()
  const one = async (role: 'hub' | 'agent', pid: number): Promise<Counts['hub']> => {
    const inside: InsideCounts = await countInside(of.countsFolder, role, pid)
    const reading = readProcess(pid)
    return {
      ...inside,
      descriptors: reading?.descriptors ?? Number.NaN,
      threads: reading?.threads ?? Number.NaN,
    }
  }
  const hub = await one('hub', fleet.hub().pid)
  const agent = await one('agent', of.agentPid)
  const isEngine = (words: readonly string[]): boolean => /(^|\/)podman$/.test(words[0] ?? '')
  return {
    hub,
    agent,
    processes: pidsOf(words => words.length > 0 && !isEngine(words)).length,
    monitors: pidsOf(words => /(^|\/)conmon$/.test(words[0] ?? '')).length,
    execSessions,
    listed,
    streams,
  }
}

const streamsOf = async (fleet: Fleet): Promise<number> => {
  const page = await fleet.kube.open('GET', '/metrics', { accept: '*/*' })
  let text = ''
  for await (const chunk of page) text += String(chunk)
  return Number(/^dunlin_streams (\d+)/m.exec(text)?.[1] ?? Number.NaN)
}

/** Asks the engine, whose service is there as long as somebody asks it. */
const execSessionsOf = async (node: AgentNode): Promise<number> => {
  const { socket } = cardStore({ engine: { stateFolder: '' }, runFolder: '/run/dunlin' }, '')
  const ask = async (path: string): Promise<unknown> => {
    const asked = await node.machine.exec(['curl', '-s', '--unix-socket', socket, `http://d/v4.0.0/libpod/${path}`])
    return JSON.parse(asked.output)
  }
  const containers = await ask('containers/json')
  if (!Array.isArray(containers)) throw new Error(`the engine lists no containers: ${JSON.stringify(containers)}`)
  let sum = 0
  for (const one of containers) sum += listAt(await ask(`containers/${textAt(one, 'Id') ?? ''}/json`), 'ExecIDs').length
  return sum
}
