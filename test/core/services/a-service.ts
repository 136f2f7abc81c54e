import type { EndpointEntry, Neighbourhood, Peer, ServiceEntry } from '../../../src/core/services/neighbourhood.ts'

/** A Service that is fine: ClusterIP 10.96.1.1, port 80, no endpoints. Change one thing. */
export const aService = (change: Partial<ServiceEntry> = {}): ServiceEntry => ({
  namespace: 'default',
  name: 'web',
  uid: 'service-web',
  type: 'ClusterIP',
  clusterIP: '10.96.1.1',
  ports: [{ name: '', protocol: 'TCP', port: 80 }],
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  publishNotReadyAddresses: false,
  endpoints: [],
  ...change,
})

/** An endpoint that is ready: pod web-1 at 10.64.0.130 on node-2, its port 8080. */
export const anEndpoint = (change: Partial<EndpointEntry> = {}): EndpointEntry => ({
  address: '10.64.0.130',
  node: 'node-2',
  podNamespace: 'default',
  podName: 'web-1',
  podUid: 'uid-web-1',
  ready: true,
  serving: true,
  terminating: false,
  ports: { '': 8080 },
  ...change,
})

export const aNeighbourhood = (services: readonly ServiceEntry[], peers: readonly Peer[] = []): Neighbourhood => ({
  format: 1,
  services,
  peers,
})
