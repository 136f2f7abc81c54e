import type { EndpointSlice, Node, Service } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Clock } from '../../lib/clock.ts'
import { textDigest } from '../../wire/digest.ts'
import type { Objects } from '../objects.ts'
import { renderPeer, renderService, scopeOf, siteOf } from './render-service.ts'
import type { DocumentIndex, Rendered } from './rendered.ts'
import { siteRounds } from './site-rounds.ts'

interface ServiceRow {
  /** '' is the whole fleet. */
  readonly site: string
  readonly text: string
  /** Nodes that its endpoints run on. */
  readonly nodes: readonly string[]
}

interface PeerRow {
  readonly site: string
  /** undefined while it cannot be reached. */
  readonly text: string | undefined
}

const wholeFleet = ''
/** For each node of the site, up to the most: so long a large site collects changes between two rounds. */
const roundMsPerNode = 3
const mostRoundMs = 10_000
/** As much again for a change of a peer, which nobody waits for. */
const peerDelayMs = 10
const serviceNameLabel = 'kubernetes.io/service-name'

/**
 * Services with their endpoints by site, and the peers of each node. Each Service is rendered once for all nodes when
 * it or its slices change; a site's document is put together from the pieces, once for all its nodes. Bounded by the objects themselves.
 */
export const neighbourhoodIndex = (of: {
  readonly objects: Objects
  /** The neighbourhood of these nodes may be another one. */
  readonly stale: (nodes: Iterable<string>) => void
  readonly clock: Clock
}): DocumentIndex => {
  const slices = new Map<string, Map<string, EndpointSlice>>()
  const services = new Map<string, ServiceRow>()
  const peers = new Map<string, PeerRow>()
  /** The services part of a site's documents, until one of them changes. */
  const joined = new Map<string, { readonly text: string; readonly fleetNodes: ReadonlySet<string> }>()

  /** The document of a site, as of its last round: who asks between two rounds gets that one, in its order. */
  const rendered = new Map<string, Rendered>()
  /** The nodes of a site. */
  const sites = new Map<string, Set<string>>()

  const nodesOf = (site: string): readonly string[] =>
    site === wholeFleet ? [...peers.keys()] : [...(sites.get(site) ?? [])]

  const rounds = siteRounds({
    clock: of.clock,
    restMs: site => Math.min(mostRoundMs, sizeOf(site) * roundMsPerNode),
    begin(site) {
      // Which nodes of other sites are peers follows from the Services of the whole fleet.
      if (site === wholeFleet) rendered.clear()
      else rendered.delete(site)
      of.stale(nodesOf(site))
    },
  })
  const sizeOf = (site: string): number => (site === wholeFleet ? peers.size : (sites.get(site)?.size ?? 0))

  /** A Service is told of at once, unless the site's last round was just now. */
  const staleSite = (site: string): void => {
    if (site === wholeFleet) joined.clear()
    else joined.delete(site)
    rounds.want(site, 0)
  }
  /** Every node of a site is told of every other: a large site that comes up together is told in a few rounds. */
  const stalePeers = (site: string): void => rounds.want(site, Math.min(mostRoundMs, sizeOf(site) * peerDelayMs))

  const serviceChanged = (place: string): void => {
    const [namespace = '', name = ''] = place.split('/')
    const before = services.get(place)
    const service = of.objects.get<Service>('Service', { namespace, name })
    const now = service === undefined ? undefined : serviceRow(service, slices.get(place))
    if (now === undefined) services.delete(place)
    else services.set(place, now)
    if (before?.text === now?.text && before?.site === now?.site) return
    for (const site of new Set([before?.site, now?.site])) if (site !== undefined) staleSite(site)
  }

  const sliceChanged = (now: EndpointSlice | undefined, before: EndpointSlice | undefined): void => {
    const places = new Set<string>()
    if (before !== undefined) {
      const place = serviceOf(before)
      slices.get(place)?.delete(before.metadata.name ?? '')
      if (slices.get(place)?.size === 0) slices.delete(place)
      places.add(place)
    }
    if (now !== undefined) {
      const place = serviceOf(now)
      slices.set(place, (slices.get(place) ?? new Map()).set(now.metadata.name ?? '', now))
      places.add(place)
    }
    for (const place of places) serviceChanged(place)
  }

  const putPeer = (name: string, now: PeerRow | undefined): void => {
    const before = peers.get(name)
    if (before !== undefined && before.site !== now?.site) {
      sites.get(before.site)?.delete(name)
      if (sites.get(before.site)?.size === 0) sites.delete(before.site)
    }
    if (now === undefined) peers.delete(name)
    else {
      peers.set(name, now)
      sites.set(now.site, (sites.get(now.site) ?? new Set()).add(name))
    }
  }

  const nodeChanged = (name: string): void => {
    const before = peers.get(name)
    const node = of.objects.get<Node>('Node', { namespace: '', name })
    const now = node === undefined ? undefined : peerRow(node)
    putPeer(name, now)
    if (before?.text === now?.text && before?.site === now?.site) return
    const isRemote = [...joined.values()].some(part => part.fleetNodes.has(name))
    // Its own document is another one when its site is, and must be of a later order than the one that it had.
    if (before?.site !== now?.site) {
      rendered.delete(now?.site ?? '')
      of.stale([name])
    }
    for (const site of new Set(isRemote ? [wholeFleet] : [before?.site, now?.site]))
      if (site !== undefined) stalePeers(site)
  }

  for (const node of of.objects.list<Node>('Node')) putPeer(node.metadata.name ?? '', peerRow(node))
  for (const slice of of.objects.list<EndpointSlice>('EndpointSlice')) sliceChanged(slice, undefined)
  for (const service of of.objects.list<Service>('Service')) serviceChanged(placeOf(service.metadata))
  const stops = [
    of.objects.onChange<Node>('Node', key => nodeChanged(key.name)),
    of.objects.onChange<EndpointSlice>('EndpointSlice', (_key, now, before) => sliceChanged(now, before)),
    of.objects.onChange<Service>('Service', key => serviceChanged(`${key.namespace}/${key.name}`)),
  ]

  const servicesOf = (site: string) => {
    const known = joined.get(site)
    if (known !== undefined) return known
    const rows = [...services]
      .filter(([, row]) => row.site === wholeFleet || row.site === site)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const made = {
      text: rows.map(([, row]) => row.text).join(','),
      fleetNodes: new Set(rows.flatMap(([, row]) => (row.site === wholeFleet ? row.nodes : []))),
    }
    joined.set(site, made)
    return made
  }

  /** One for all nodes of the site: each is a peer of the others, and leaves itself out. */
  const renderSite = (site: string): Rendered => {
    const { text, fleetNodes } = servicesOf(site)
    const near = [...new Set([...(sites.get(site) ?? []), ...fleetNodes])]
      .toSorted()
      .flatMap(node => peers.get(node)?.text ?? [])
    // Canonical JSON: members in order, the pieces canonical themselves.
    const whole = `{"format":1,"peers":[${near.join(',')}],"services":[${text}]}`
    return { digest: textDigest(whole), text: whole, revision: of.objects.revision }
  }

  return {
    render(name) {
      const self = peers.get(name)
      if (self === undefined) return undefined
      const made = rendered.get(self.site) ?? renderSite(self.site)
      rendered.set(self.site, made)
      return made
    },
    close() {
      rounds.close()
      for (const stop of stops) stop()
    },
  }
}

const placeOf = (meta: { readonly namespace?: string; readonly name?: string }): string =>
  `${meta.namespace ?? ''}/${meta.name ?? ''}`

const serviceOf = (slice: EndpointSlice): string =>
  `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`

const serviceRow = (
  service: Service,
  slices: ReadonlyMap<string, EndpointSlice> | undefined,
): ServiceRow | undefined => {
  const sorted = [...(slices ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, slice]) => slice)
  const entry = renderService(service, sorted)
  if (entry === undefined) return undefined
  const scope = scopeOf(service)
  return {
    site: scope === 'fleet' ? wholeFleet : scope.site,
    text: canonicalJson(entry),
    nodes: entry.endpoints.flatMap(endpoint => (endpoint.node === undefined ? [] : [endpoint.node])),
  }
}

const peerRow = (node: Node): PeerRow => {
  const peer = renderPeer(node)
  return { site: siteOf(node), text: peer === undefined ? undefined : canonicalJson(peer) }
}
