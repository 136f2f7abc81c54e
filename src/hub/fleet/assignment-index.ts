import type { ConfigMap, KubeObject, Node, Pod, Secret } from '../../api/types.ts'
import { assignmentDigest } from '../../wire/digest.ts'
import type { Objects } from '../objects.ts'
import { podReferences, type Reference, reference } from './pod-references.ts'
import { type FleetNetwork, renderAssignment, renderPod } from './render-assignment.ts'
import type { DocumentIndex } from './rendered.ts'

export interface AssignmentIndex extends DocumentIndex {
  /** All pods that are bound to the node. */
  podsOf(node: string): readonly Pod[]
}

/**
 * Which objects make up the assignment of which node, so that one change is looked at by the nodes it touches alone.
 * Holds keys and references to cached objects: bounded by the objects themselves.
 */
export const assignmentIndex = (of: {
  readonly objects: Objects
  readonly network: FleetNetwork
  /** The uid by which the node is addressed; undefined while it has no keys. */
  readonly uid: (node: string) => string | undefined
  /** The node's assignment may be another one now. */
  readonly stale: (node: string) => void
}): AssignmentIndex => {
  const podsByNode = new Map<string, Map<string, Pod>>()
  const users = new Map<Reference, Set<string>>()
  const references = new Map<string, ReadonlySet<Reference>>()

  const place = (pod: Pod): string => `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`
  const put = (pod: Pod): void => {
    const node = pod.spec?.nodeName
    if (node === undefined || node === '') return
    const pods = podsByNode.get(node) ?? new Map<string, Pod>()
    pods.set(place(pod), pod)
    podsByNode.set(node, pods)
  }
  const take = (pod: Pod): void => {
    const node = pod.spec?.nodeName ?? ''
    const pods = podsByNode.get(node)
    pods?.delete(place(pod))
    if (pods?.size === 0) podsByNode.delete(node)
  }

  /** Whose pods name what; worked out when the node is rendered, when all its pods are at hand anyway. */
  const relate = (node: string, now: ReadonlySet<Reference>): void => {
    for (const old of references.get(node) ?? []) {
      if (now.has(old)) continue
      users.get(old)?.delete(node)
      if (users.get(old)?.size === 0) users.delete(old)
    }
    for (const one of now) users.set(one, (users.get(one) ?? new Set()).add(node))
    if (now.size > 0) references.set(node, now)
    else references.delete(node)
  }

  const podChanged = (now: Pod | undefined, before: Pod | undefined): void => {
    if (before !== undefined) take(before)
    if (now !== undefined) put(now)
    if (now !== undefined && before !== undefined && isSame(renderPod(now), renderPod(before))) return
    const nodes = new Set([now?.spec?.nodeName, before?.spec?.nodeName])
    for (const node of nodes) if (node !== undefined && node !== '') of.stale(node)
  }
  const consumedChanged =
    (kind: 'ConfigMap' | 'Secret') =>
    (key: { readonly namespace: string; readonly name: string }): void => {
      for (const node of users.get(reference(kind, key.namespace, key.name)) ?? []) of.stale(node)
    }

  for (const pod of of.objects.list<Pod>('Pod')) put(pod)
  const stops = [
    of.objects.onChange<Pod>('Pod', (_key, now, before) => podChanged(now, before)),
    of.objects.onChange<ConfigMap>('ConfigMap', consumedChanged('ConfigMap')),
    of.objects.onChange<Secret>('Secret', consumedChanged('Secret')),
    of.objects.onChange<Node>('Node', (key, now, before) => {
      if (!isSame(nodeInputs(now), nodeInputs(before))) of.stale(key.name)
    }),
  ]

  const consumed = <T extends KubeObject>(kind: 'ConfigMap' | 'Secret', all: ReadonlySet<Reference>): readonly T[] =>
    [...all].flatMap(one => {
      const [found, namespace = '', name = ''] = one.split('/')
      if (found !== kind) return []
      const object = of.objects.get<T>(kind, { namespace, name })
      return object === undefined ? [] : [object]
    })

  const podsOf = (node: string): readonly Pod[] => [...(podsByNode.get(node)?.values() ?? [])]

  return {
    podsOf,
    render(name) {
      const node = of.objects.get<Node>('Node', { namespace: '', name })
      const uid = of.uid(name)
      if (node === undefined || uid === undefined) return undefined
      const pods = podsOf(name)
      const all = new Set(pods.flatMap(podReferences))
      relate(name, all)
      const assignment = renderAssignment({
        node,
        uid,
        network: of.network,
        pods,
        configMaps: consumed<ConfigMap>('ConfigMap', all),
        secrets: consumed<Secret>('Secret', all),
      })
      if (assignment === undefined) return undefined
      return { digest: assignmentDigest(assignment), text: JSON.stringify(assignment) }
    },
    close() {
      for (const stop of stops) stop()
    },
  }
}

const nodeInputs = (node: Node | undefined) => ({ labels: node?.metadata.labels, podCIDR: node?.spec?.podCIDR })

/** Equal objects of the cache have their members in the same order; a false "different" costs one rendering. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
