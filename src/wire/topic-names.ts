import { Fault } from '../api/fault.ts'

/**
 * Full topic names, and who may use which. The node comes first in every topic, so that the rights of a node are two
 * tests of a prefix. MQTT 3.1.1 section 4.7.
 */
const nodePattern = /^[a-z0-9-]{1,63}$/
const fleetPattern = /^[a-z0-9]{1,32}$/
/** `node`, or `pod.<namespace>.<name>`. */
const devicePattern = /^[a-z0-9.-]{1,253}$/

export const mostTopicBytes = 512

/** `dunlin/1/<fleet>/` */
export const fleetPrefix = (fleet: string): string => `dunlin/1/${checked(fleetPattern, fleet, 'fleet id')}/`

/**
 * The full topic of a suffix that belongs to one node.
 *
 * @example nodeTopic('f1', 'attic', 'd/state') // 'dunlin/1/f1/n/attic/d/state'
 * @throws Fault Malformed when a name could not be part of a topic
 */
export const nodeTopic = (fleet: string, node: string, suffix: string): string =>
  `${fleetPrefix(fleet)}n/${checked(nodePattern, node, 'node name')}/${suffix}`

export const noticeTopic = (fleet: string): string => `${fleetPrefix(fleet)}b/hub`

/** @example telemetryTopic('f1', 'attic', 'pod.default.web-1', 'data') */
export const telemetryTopic = (fleet: string, node: string, device: string, what: 'birth' | 'data'): string =>
  `${fleetPrefix(fleet)}t/${checked(nodePattern, node, 'node name')}/${checked(devicePattern, device, 'device')}/${what}`

export const isNodeName = (name: string): boolean => nodePattern.test(name)

export const isDeviceName = (name: string): boolean => devicePattern.test(name)

/** What a full topic names, or undefined where it is not one of ours. */
export type TopicName =
  | { readonly of: 'node'; readonly node: string; readonly suffix: string }
  | { readonly of: 'telemetry'; readonly node: string; readonly device: string; readonly what: 'birth' | 'data' }
  | { readonly of: 'notice' }

export const parseTopic = (fleet: string, topic: string): TopicName | undefined => {
  if (topic.length > mostTopicBytes || !topic.startsWith(fleetPrefix(fleet))) return undefined
  const [area, node = '', ...rest] = topic.slice(fleetPrefix(fleet).length).split('/')
  if (area === 'b') return node === 'hub' && rest.length === 0 ? { of: 'notice' } : undefined
  if (!nodePattern.test(node)) return undefined
  const [first = '', second = ''] = rest
  if (rest.length !== 2) return undefined
  if (area === 'n') return isSuffix(first, second) ? { of: 'node', node, suffix: `${first}/${second}` } : undefined
  if (area !== 't' || !devicePattern.test(first) || (second !== 'birth' && second !== 'data')) return undefined
  return { of: 'telemetry', node, device: first, what: second }
}

const suffixes = {
  d: ['state', 'net', 'hub', 'cmd', 'tun'],
  u: ['hello', 'live', 'status', 'res', 'ev', 'tun'],
} as const

const isSuffix = (way: string, what: string): boolean =>
  (way === 'd' || way === 'u') && suffixes[way].some(known => known === what)

/** Who speaks to the broker. */
export type BusRole = { readonly role: 'node'; readonly node: string } | { readonly role: 'telemetry' }

/** A node publishes below its own `u/` and `t/`, a telemetry user nothing. No wildcard can be published to. */
export const mayPublish = (who: BusRole, fleet: string, topic: string): boolean => {
  if (who.role !== 'node' || topic.length > mostTopicBytes || /[+#\0]/.test(topic)) return false
  const prefix = fleetPrefix(fleet)
  return topic.startsWith(`${prefix}n/${who.node}/u/`) || topic.startsWith(`${prefix}t/${who.node}/`)
}

/** A node subscribes to its own `d/+` (or one of it) and `b/hub`; a telemetry user to `t/#` or less. */
export const maySubscribe = (who: BusRole, fleet: string, filter: string): boolean => {
  if (filter.length > mostTopicBytes || filter.includes('\0')) return false
  const prefix = fleetPrefix(fleet)
  if (who.role === 'telemetry') return filter.startsWith(`${prefix}t/`)
  if (filter === `${prefix}b/hub`) return true
  const own = `${prefix}n/${who.node}/d/`
  return filter.startsWith(own) && (filter === `${own}+` || !/[+#]/.test(filter))
}

const checked = (pattern: RegExp, name: string, what: string): string => {
  if (pattern.test(name)) return name
  throw new Fault(
    'Malformed',
    `"${name.slice(0, 80)}" cannot be a ${what} in an MQTT topic: it must match ${pattern}`,
    {
      name: name.slice(0, 80),
    },
  )
}
