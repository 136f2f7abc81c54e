import { Fault } from '../api/fault.ts'
import type { Cidr } from '../core/services/cidr.ts'
import { contains, formatCidr, parseCidr, parseIp } from '../core/services/cidr.ts'
import { choosePodAddress } from '../core/services/pod-addresses.ts'
import type { HostPort } from '../core/services/pod-network.ts'
import { readIfThere, writeDurably } from '../lib/durable-file.ts'

export interface BookEntry {
  readonly ip: string
  readonly hostPorts: readonly HostPort[]
}

/**
 * Which pod has which address: on disk before a pod uses it, so that it keeps it when its containers, the agent or
 * the whole node start again. Bounded by the range: a /25 has 125 addresses.
 */
export interface AddressBook {
  load(): Promise<void>
  /** Empties the book when the range is another. */
  useRange(range: Cidr): Promise<void>
  readonly range: Cidr | undefined
  /** The pod's address, a new one where it has none. Durable when resolved. */
  give(uid: string, hostPorts: readonly HostPort[]): Promise<string>
  forget(uid: string): Promise<void>
  entries(): ReadonlyMap<string, BookEntry>
  clear(): Promise<void>
}

export const addressBook = (path: string): AddressBook => {
  let range: Cidr | undefined
  let last: string | undefined
  const book = new Map<string, BookEntry>()
  const save = coalesced(() =>
    writeDurably(
      path,
      `${JSON.stringify({ format: 1, range: range === undefined ? '' : formatCidr(range), last, pods: Object.fromEntries(book) })}\n`,
    ),
  )

  return {
    async load() {
      const bytes = await readIfThere(path)
      if (bytes === undefined) return
      const before = parseBook(bytes.toString('utf8'), path)
      range = before.range
      last = before.last
      for (const [uid, entry] of before.pods) book.set(uid, entry)
    },
    async useRange(wanted) {
      if (range !== undefined && formatCidr(range) === formatCidr(wanted)) return
      range = wanted
      last = undefined
      book.clear()
      await save()
    },
    get range() {
      return range
    },
    async give(uid, hostPorts) {
      if (range === undefined)
        throw new Fault('Unavailable', 'the pod network is not set up yet: it needs the ranges of the first assignment')
      const before = book.get(uid)
      if (before !== undefined && JSON.stringify(before.hostPorts) === JSON.stringify(hostPorts)) return before.ip
      const taken = new Set([...book.values()].map(entry => entry.ip))
      const ip = before?.ip ?? choosePodAddress({ range, taken, last })
      if (ip === undefined)
        throw new Fault('Unavailable', `no address is free in ${formatCidr(range)}: ${book.size} pods have one`)
      book.set(uid, { ip, hostPorts })
      if (before === undefined) last = ip
      await save()
      return ip
    },
    async forget(uid) {
      if (book.delete(uid)) await save()
    },
    entries: () => book,
    async clear() {
      book.clear()
      range = undefined
      last = undefined
      await save()
    },
  }
}

/** Asks during a write share the one that follows. */
const coalesced = (write: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = (): Promise<void> => {
    running = write().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (running === undefined) return start()
    next ??= running
      .catch(() => {
        // Whoever asked for that write has the error; this one writes all of it again.
      })
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }
}

const parseBook = (text: string, path: string) => {
  const broken = (what: string, cause?: unknown) =>
    new Fault(
      'Machine',
      `${path} is not the record of pod addresses that it should be (${what}): with all pods of this node stopped, remove it`,
      { path },
      cause,
    )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw broken('no JSON', cause)
  }
  if (typeof value !== 'object' || value === null) throw broken('no object')
  const { format, range: rangeText, last, pods } = value as { [key: string]: unknown }
  if (format !== 1) throw broken(`format ${String(format)}, expected 1`)
  if (typeof rangeText !== 'string' || typeof pods !== 'object' || pods === null) throw broken('no range or pods')
  const range = parseCidr(rangeText)
  const entries = Object.entries(pods).flatMap(([uid, entry]: [string, unknown]): [string, BookEntry][] => {
    if (typeof entry !== 'object' || entry === null) return []
    const { ip, hostPorts } = entry as { [key: string]: unknown }
    const address = typeof ip === 'string' ? parseIp(ip) : undefined
    if (address === undefined || typeof ip !== 'string' || range === undefined || !contains(range, address)) return []
    return [[uid, { ip, hostPorts: Array.isArray(hostPorts) ? hostPorts.flatMap(parseHostPort) : [] }]]
  })
  return { range, last: typeof last === 'string' ? last : undefined, pods: entries }
}

const parseHostPort = (value: unknown): HostPort[] => {
  if (typeof value !== 'object' || value === null) return []
  const { protocol, hostPort, hostIP, containerPort } = value as { [key: string]: unknown }
  if (protocol !== 'TCP' && protocol !== 'UDP') return []
  if (typeof hostPort !== 'number' || typeof containerPort !== 'number') return []
  return [{ protocol, hostPort, containerPort, ...(typeof hostIP === 'string' ? { hostIP } : {}) }]
}
