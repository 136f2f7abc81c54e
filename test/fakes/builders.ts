import type { ConfigMap, Container, Pod, PodSpec, Secret } from '../../src/api/types.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import type { ObservedContainer, ObservedPod } from '../../src/core/pods/runtime.ts'

/** A container entry that is fine in every way; a test changes one thing. */
export const aContainer = (change: Partial<Container> = {}): Container => ({
  name: 'web',
  image: 'localhost/dunlin/hello:1',
  imagePullPolicy: 'IfNotPresent',
  ...change,
})

/** A pod with one container that is fine in every way; a test changes one thing of spec or metadata. */
export const aPod = (spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'hello', namespace: 'default', uid: 'uid-1', ...metadata },
  spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30, containers: [aContainer()], ...spec },
})

export const aConfigMap = (name: string, data: { readonly [key: string]: string } = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '1' },
  data,
})

/** A Secret from plain texts. */
export const aSecret = (name: string, texts: { readonly [key: string]: string } = {}, type = 'Opaque'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '1' },
  type,
  data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
})

export const anAssignment = (change: Partial<Assignment> = {}): Assignment => ({
  format: 1,
  node: { name: 'node-1', uid: 'uid-of-node-1' },
  network: {
    podCIDR: '10.64.0.0/25',
    clusterCIDR: '10.64.0.0/11',
    serviceCIDR: '10.96.0.0/16',
    dnsAddress: '10.96.0.10',
    domain: 'cluster.local',
  },
  nodeLabels: {},
  pods: [],
  configMaps: [],
  secrets: [],
  ...change,
})

export const anObservedContainer = (change: Partial<ObservedContainer> = {}): ObservedContainer => ({
  podUid: 'uid-1',
  container: 'web',
  attempt: 0,
  engineId: 'e0',
  specHash: 'v1:0',
  image: 'localhost/dunlin/hello:1',
  imageId: 'sha256:1',
  state: 'running',
  createdAt: '2026-01-01T00:00:00Z',
  startedAt: '2026-01-01T00:00:01Z',
  oomKilled: false,
  pid: 4242,
  ...change,
})

export const anObservedPod = (change: Partial<ObservedPod> = {}): ObservedPod => ({
  uid: 'uid-1',
  namespace: 'default',
  name: 'hello',
  sandbox: { uid: 'uid-1', netnsPath: '/run/dunlin/pods/uid-1/net' },
  containers: [],
  ...change,
})
