import { Fault } from '../../api/fault.ts'
import type { EndpointSlice, Event, Node, Pod, Service } from '../../api/types.ts'
import { type Explanation, formatExplanation } from '../../core/why/cause.ts'
import { whyNode } from '../../core/why/why-node.ts'
import { whyPod } from '../../core/why/why-pod.ts'
import { whyService } from '../../core/why/why-service.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { kubeOptions } from '../options.ts'
import { kindOfWord, namedObjects, pathOf } from '../resources.ts'
import { printable } from '../table.ts'
import { fetchList, fetchObject } from '../typed.ts'

export const why: Command = {
  name: 'why',
  summary: 'why a pod, Service, Deployment or node is not well, down to the cause',
  usage: 'why KIND/NAME…',
  examples: [
    { line: 'dunlin why pod/web-1', says: 'why this pod is not ready' },
    { line: 'dunlin why svc/web', says: 'why nobody answers' },
    { line: 'dunlin why node/barn', says: 'what troubles this device' },
  ],
  options: [...kubeOptions],
  async run(of) {
    const kube = await of.kube()
    const names = namedObjects(of.words)
    if (names.length === 0) throw new Fault('BadRequest', 'why what? For example: dunlin why pod/web-1')
    let isWell = true
    for (const { kind, name } of names) {
      const explain = explainers[kind.kind]
      if (explain === undefined)
        throw new Fault('BadRequest', `why knows ${Object.keys(explainers).join(', ')}; not ${kind.kind}`)
      if (name === undefined)
        throw new Fault('BadRequest', `which ${kind.singular}? For example: dunlin why ${kind.singular}/NAME`)
      const explanation = await explain({ of, kube, namespace: of.text('namespace') ?? kube.namespace, name })
      isWell &&= explanation.isWell
      of.out.write(formatExplanation(explanation).split('\n').map(printable).join('\n'))
    }
    return isWell ? 0 : 1
  },
}

interface Ask {
  readonly of: Invocation
  readonly kube: KubeClient
  readonly namespace: string
  readonly name: string
}

const eventsOf = (ask: Ask, namespace: string | undefined, uid: string | undefined): Promise<readonly Event[]> =>
  fetchList<Event>(
    ask.kube,
    pathOf(kindOfWord('events'), namespace),
    { fieldSelector: `involvedObject.uid=${uid ?? ''}` },
    ask.of.signal,
  )

const explainNode = async (ask: Ask): Promise<Explanation> => {
  const node = await fetchObject<Node>(ask.kube, pathOf(kindOfWord('nodes'), undefined, ask.name), ask.of.signal)
  return whyNode({ node, events: await eventsOf(ask, undefined, node.metadata.uid), now: ask.of.now() })
}

const explainPodObject = async (ask: Ask, pod: Pod): Promise<Explanation> => {
  const nodeName = pod.spec?.nodeName
  const nodes =
    nodeName === undefined || nodeName === ''
      ? []
      : await fetchList<Node>(ask.kube, '/api/v1/nodes', { fieldSelector: `metadata.name=${nodeName}` }, ask.of.signal)
  const [node] = nodes
  const [events, nodeEvents] = await Promise.all([
    eventsOf(ask, pod.metadata.namespace, pod.metadata.uid),
    node === undefined ? [] : eventsOf(ask, undefined, node.metadata.uid),
  ])
  return whyPod({ pod, node, events, nodeEvents, now: ask.of.now() })
}

const explainPod = async (ask: Ask): Promise<Explanation> =>
  explainPodObject(
    ask,
    await fetchObject<Pod>(ask.kube, pathOf(kindOfWord('pods'), ask.namespace, ask.name), ask.of.signal),
  )

const podsOf = async (
  ask: Ask,
  labels: { readonly [key: string]: string },
): Promise<readonly { readonly pod: Pod; readonly explanation: Explanation }[]> => {
  const entries = Object.entries(labels)
  if (entries.length === 0) return []
  const pods = await fetchList<Pod>(
    ask.kube,
    pathOf(kindOfWord('pods'), ask.namespace),
    { labelSelector: entries.map(([key, value]) => `${key}=${value}`).join(',') },
    ask.of.signal,
  )
  return Promise.all(pods.map(async pod => ({ pod, explanation: await explainPodObject(ask, pod) })))
}

const explainService = async (ask: Ask): Promise<Explanation> => {
  const service = await fetchObject<Service>(
    ask.kube,
    pathOf(kindOfWord('services'), ask.namespace, ask.name),
    ask.of.signal,
  )
  const slices = await fetchList<EndpointSlice>(
    ask.kube,
    pathOf(kindOfWord('endpointslices'), ask.namespace),
    { labelSelector: `kubernetes.io/service-name=${ask.name}` },
    ask.of.signal,
  )
  return whyService({ service, slices, pods: await podsOf(ask, service.spec?.selector ?? {}) })
}

interface Workload {
  readonly metadata: { readonly name?: string }
  readonly spec?: {
    readonly replicas?: number
    readonly selector?: { readonly matchLabels?: { readonly [key: string]: string } }
  }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
  }
}

const explainWorkload =
  (plural: string) =>
  async (ask: Ask): Promise<Explanation> => {
    const object = await fetchObject<Workload>(
      ask.kube,
      pathOf(kindOfWord(plural), ask.namespace, ask.name),
      ask.of.signal,
    )
    const pods = await podsOf(ask, object.spec?.selector?.matchLabels ?? {})
    const conditions = (object.status?.conditions ?? []).filter(
      one =>
        (one.type === 'ReplicaFailure' && one.status === 'True') ||
        (one.type === 'Progressing' && one.status === 'False'),
    )
    const troubled = pods.filter(one => !one.explanation.isWell)
    const causes = [
      ...conditions.map(one => ({ says: one.message ?? one.type, because: [] })),
      ...troubled.slice(0, 5).map(one => ({ says: one.explanation.says, because: one.explanation.causes })),
      ...(pods.length === 0 && object.spec?.replicas !== 0 ? [{ says: 'it has no pods yet', because: [] }] : []),
    ]
    const name = `${plural.replace(/s$/, '')} ${ask.namespace}/${ask.name}`
    return causes.length === 0
      ? { isWell: true, says: `${name} is well: ${pods.length} pod${pods.length === 1 ? '' : 's'} ready`, causes }
      : { isWell: false, says: `${name} is not well: ${troubled.length} of ${pods.length} pods are not ready`, causes }
  }

const explainers: Record<string, (ask: Ask) => Promise<Explanation>> = {
  Pod: explainPod,
  Service: explainService,
  Node: explainNode,
  Deployment: explainWorkload('deployments'),
  ReplicaSet: explainWorkload('replicasets'),
  DaemonSet: explainWorkload('daemonsets'),
}
