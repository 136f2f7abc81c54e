import type {
  EndpointEntry,
  Neighbourhood,
  Peer,
  ServiceEntry,
  ServicePortEntry,
} from '../core/services/neighbourhood.ts'
import { count, dictionary, flag, list, maybe, oneOf, type Parse, record, text, wholeNumber } from './parse.ts'

const name = text(253)
const address = text(64)
const port = wholeNumber(1, 65_535)

const parsePort: Parse<ServicePortEntry> = record<ServicePortEntry>({
  name: text(63),
  protocol: oneOf('TCP', 'UDP'),
  port,
  nodePort: maybe(port),
})

const parseEndpoint: Parse<EndpointEntry> = record<EndpointEntry>({
  address,
  node: maybe(name),
  podNamespace: maybe(name),
  podName: maybe(name),
  podUid: maybe(name),
  hostname: maybe(name),
  ready: flag,
  serving: flag,
  terminating: flag,
  ports: dictionary(200, port),
})

const parseService: Parse<ServiceEntry> = record<ServiceEntry>({
  namespace: name,
  name,
  uid: name,
  type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  clusterIP: maybe(address),
  externalName: maybe(name),
  ports: list(200, parsePort),
  sessionAffinitySeconds: maybe(count),
  externalTrafficPolicy: oneOf('Cluster', 'Local'),
  internalTrafficPolicy: oneOf('Cluster', 'Local'),
  publishNotReadyAddresses: flag,
  endpoints: list(10_000, parseEndpoint),
})

const parsePeer: Parse<Peer> = record<Peer>({
  node: name,
  uid: name,
  podCIDR: text(64),
  addresses: list(32, address),
})

/** @throws Fault Malformed naming the field */
export const parseNeighbourhood: Parse<Neighbourhood> = record<Neighbourhood>({
  format: oneOf(1),
  services: list(20_000, parseService),
  peers: list(20_000, parsePeer),
})
