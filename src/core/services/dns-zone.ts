import type { NodeNetwork } from '../nodes/assignment.ts'
import { contains, parseCidr, parseIp } from './cidr.ts'
import type { EndpointEntry, Neighbourhood, ServiceEntry } from './neighbourhood.ts'

/** A record to answer with. Names are in lower case, without the dot at the end. */
export type DnsRecord =
  | { readonly type: 'A'; readonly name: string; readonly address: string }
  | { readonly type: 'SRV'; readonly name: string; readonly port: number; readonly target: string }
  | { readonly type: 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'CNAME'; readonly name: string; readonly target: string }

/**
 * `records`: the name exists (an empty list for a type it does not have). `absent`: it is ours and does not exist.
 * `elsewhere`: not ours to answer.
 */
export type ZoneAnswer =
  | { readonly answer: 'records'; readonly records: readonly DnsRecord[]; readonly additional: readonly DnsRecord[] }
  | { readonly answer: 'absent' }
  | { readonly answer: 'elsewhere' }

export interface Zone {
  readonly domain: string
  /** `name` in any case, without the dot at the end. */
  find(name: string, type: string): ZoneAnswer
}

/**
 * The names of the fleet, as the Kubernetes DNS specification 1.1.0 has them: Services, headless Services and their endpoints,
 * named ports, pods by their dashed address, and the way back from addresses of ours.
 *
 * @example zoneOf(neighbourhood, network).find('web.default.svc.cluster.local', 'A')
 */
export const zoneOf = (neighbourhood: Neighbourhood, network: NodeNetwork): Zone => {
  const domain = network.domain.toLowerCase()
  const names = new Map<string, DnsRecord[]>()
  const add = (record: DnsRecord): void => {
    if (!isName(record.name) || ('target' in record && !isName(record.target))) return
    if (record.type === 'A' && parseIp(record.address) === undefined) return
    const list = names.get(record.name)
    if (list === undefined) names.set(record.name, [record])
    else if (!list.some(one => JSON.stringify(one) === JSON.stringify(record))) list.push(record)
  }
  for (const service of neighbourhood.services) addService(service, domain, add)
  const parents = new Set([domain, `svc.${domain}`, `pod.${domain}`])
  for (const name of names.keys())
    for (let at = name.indexOf('.'); at > 0 && name.length - at - 1 > domain.length; at = name.indexOf('.', at + 1))
      parents.add(name.slice(at + 1))
  const ranges = [network.clusterCIDR, network.serviceCIDR].flatMap(text => parseCidr(text) ?? [])

  return {
    domain,
    find(asked, type) {
      const name = asked.toLowerCase()
      const isReverse = name.endsWith('.in-addr.arpa')
      if (isReverse ? !ranges.some(range => contains(range, reverseAddress(name) ?? -1)) : !isBelow(name, domain))
        return { answer: 'elsewhere' }
      const found = names.get(name) ?? podByAddress(name, domain)
      if (found === undefined) return parents.has(name) ? empty : { answer: 'absent' }
      const cname = found.filter(record => record.type === 'CNAME')
      const records = cname.length > 0 ? cname : found.filter(record => record.type === type || type === 'ANY')
      const targets = records.flatMap(record => (record.type === 'SRV' ? (names.get(record.target) ?? []) : []))
      const additional = targets.filter(record => record.type === 'A')
      return { answer: 'records', records, additional: [...new Set(additional)] }
    },
  }
}

const empty: ZoneAnswer = { answer: 'records', records: [], additional: [] }

/** What fits into a message: labels of 1 to 63 plain bytes, 253 in all. Underscores are for ports. */
const isName = (name: string): boolean =>
  name.length <= 253 && name.split('.').every(label => /^[a-z0-9_-]{1,63}$/.test(label))

const isBelow = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`)

const addService = (service: ServiceEntry, domain: string, add: (record: DnsRecord) => void): void => {
  const name = `${service.name}.${service.namespace}.svc.${domain}`.toLowerCase()
  if (service.type === 'ExternalName') {
    const target = service.externalName?.toLowerCase().replace(/\.$/, '')
    if (target !== undefined && target !== '') add({ type: 'CNAME', name, target })
    return
  }
  const addPorts = (target: string, portOf: (port: string) => number | undefined): void => {
    for (const port of service.ports) {
      const number = portOf(port.name)
      if (port.name === '' || number === undefined) continue
      const srv = `_${port.name}._${port.protocol}.${name}`.toLowerCase()
      add({ type: 'SRV', name: srv, port: number, target })
    }
  }
  if (service.clusterIP !== undefined) {
    add({ type: 'A', name, address: service.clusterIP })
    add({ type: 'PTR', name: reverseName(service.clusterIP), target: name })
    addPorts(name, wanted => service.ports.find(port => port.name === wanted)?.port)
    return
  }
  for (const endpoint of service.endpoints) {
    if (parseIp(endpoint.address) === undefined) continue
    if (!endpoint.ready && !service.publishNotReadyAddresses) continue
    const own = `${labelOf(endpoint)}.${name}`
    add({ type: 'A', name, address: endpoint.address })
    add({ type: 'A', name: own, address: endpoint.address })
    add({ type: 'PTR', name: reverseName(endpoint.address), target: own })
    addPorts(own, wanted => endpoint.ports[wanted])
  }
}

const labelOf = (endpoint: EndpointEntry): string =>
  endpoint.hostname === undefined || endpoint.hostname === ''
    ? endpoint.address.replaceAll('.', '-')
    : endpoint.hostname.toLowerCase()

/** `10-64-0-2.default.pod.cluster.local`: the address is in the name; nobody vouches for the pod. */
const podByAddress = (name: string, domain: string): readonly DnsRecord[] | undefined => {
  const suffix = `.pod.${domain}`
  if (!name.endsWith(suffix)) return undefined
  const labels = name.slice(0, -suffix.length).split('.')
  if (labels.length === 1) return []
  const address = labels[0]?.replaceAll('-', '.') ?? ''
  return labels.length === 2 && parseIp(address) !== undefined ? [{ type: 'A', name, address }] : undefined
}

const reverseName = (address: string): string => `${address.split('.').toReversed().join('.')}.in-addr.arpa`

const reverseAddress = (name: string): number | undefined =>
  parseIp(name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed().join('.'))
