import { describeError, Fault, isFault } from '../../api/fault.ts'
import { parseJson } from '../../wire/parse.ts'
import { parseShellReport, type ShellReport } from '../../wire/side-channel/node-requests.ts'
import { successStatus } from '../rest/status-object.ts'
import type { LiveSession } from './live-sessions.ts'
import type { RemoteParts } from './remote-door.ts'

/** Shells that were left with nobody at them, as far as this hub knows; which of them live the device says. */
export interface ShellsLeft {
  left(session: string, node: string): void
  nodes(): readonly string[]
  nodeOf(session: string): string | undefined
  /** The device has it no more. */
  forget(session: string): void
}

/** The oldest is forgotten; its device still knows it. */
const mostLeft = 1000

export const shellsLeft = (): ShellsLeft => {
  const known = new Map<string, string>()
  return {
    left(session, node) {
      known.delete(session)
      known.set(session, node)
      const [oldest] = known.keys()
      if (known.size > mostLeft && oldest !== undefined) known.delete(oldest)
    },
    nodes: () => [...new Set(known.values())],
    nodeOf: session => known.get(session),
    forget: session => void known.delete(session),
  }
}

/** A device that does not say which shells it has within this is left out, and that is said. */
const askMs = 5000
/** Devices that are asked at once. */
const mostAsked = 32
const mostReports = 64 * 1024

/** The sessions that live, and shells that wait for somebody to come back; `more`: devices to ask in any case. */
export const listSessions = async (of: RemoteParts, more: readonly string[]) => {
  const live = of.sessions.list()
  const asked = [...new Set([...more, ...of.shells.nodes()])].slice(0, mostAsked)
  const warnings: string[] = []
  const left = await Promise.all(
    asked.map(async node => {
      try {
        const reports = await shellsOf(of, node, {})
        return reports.filter(one => !live.some(known => known.id === one.session)).map(one => ({ ...one, node }))
      } catch (error) {
        warnings.push(`node "${node}" does not say which shells it has: ${describeError(error)}`)
        return []
      }
    }),
  )
  const found = left.flat()
  return {
    kind: 'SessionList',
    apiVersion: 'dunlin.io/v1',
    metadata: warnings.length === 0 ? {} : { warnings },
    items: [...live.map(liveItem), ...found.map(one => leftItem(one, of.clock.now()))],
  }
}

const liveItem = ({ id, startedAt, bytesToNode, bytesFromNode, ...spec }: LiveSession) => ({
  metadata: { name: id, creationTimestamp: new Date(startedAt).toISOString() },
  spec,
  status: { phase: 'Live', bytesToNode, bytesFromNode },
})

const leftItem = (one: ShellReport & { readonly node: string }, now: number) => ({
  metadata: { name: one.session, creationTimestamp: new Date(now - one.ageSeconds * 1000).toISOString() },
  spec: {
    what: 'shell',
    user: one.by,
    from: '',
    node: one.node,
    detail: `as ${one.user}${one.command.length === 0 ? '' : `: ${one.command.join(' ')}`}`,
  },
  status: {
    phase: one.isAttached ? 'Live' : 'Left',
    ...(one.leftSeconds === undefined ? {} : { leftSeconds: one.leftSeconds }),
  },
})

/**
 * Ends a session: one that lives, or a shell that was left on a device.
 *
 * @throws Fault NotFound
 */
export const stopSession = async (
  of: RemoteParts,
  wish: { readonly id: string; readonly by: string; readonly node: string | undefined },
) => {
  const { id, by } = wish
  const live = of.sessions.list().find(one => one.id === id)
  const node = live?.node ?? wish.node ?? of.shells.nodeOf(id)
  if (node === undefined)
    throw new Fault(
      'NotFound',
      `there is no session "${id.slice(0, 64)}"; of a shell that was left, name its node as well`,
      {
        name: id,
      },
    )
  // A shell outlives its connection: the device ends it.
  if (live === undefined || live.what === 'shell') {
    of.sessions.announce(id, by)
    try {
      await shellsOf(of, node, { end: id })
      of.shells.forget(id)
    } catch (error) {
      if (live === undefined || !isFault(error, 'NotFound')) throw error
    }
  }
  if (of.sessions.list().some(one => one.id === id)) of.sessions.stop(id, by)
  return successStatus()
}

const shellsOf = async (
  of: RemoteParts,
  node: string,
  wish: { readonly end?: string },
): Promise<readonly ShellReport[]> => {
  const stream = await of.nodes.open(node, 'shells', wish)
  stream.end()
  const cancel = of.clock.after(askMs, () => stream.reset('no answer in time'))
  try {
    const parts: Uint8Array[] = []
    let length = 0
    for await (const chunk of stream.incoming) {
      parts.push(chunk)
      length += chunk.length
      if (length > mostReports) throw new Fault('Malformed', `the shells of node "${node}" are told without end`)
    }
    const lines = Buffer.concat(parts).toString('utf8').split('\n')
    return lines.filter(line => line !== '').map(line => parseJson(line, parseShellReport, 'shell'))
  } finally {
    cancel()
  }
}
