import { Fault } from '../../api/fault.ts'
import { matches, parseSelector } from '../../api/selector.ts'
import type { KubeObject } from '../../api/types.ts'
import type { NodeUsage } from '../../wire/payloads.ts'
import { json, type Rest } from './api-request.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import type { ResourcePath } from './route.ts'

const apiVersion = 'metrics.k8s.io/v1beta1'

/** GET of metrics.k8s.io/v1beta1: the newest usage that the nodes reported, for `kubectl top`. */
export const getMetrics = (http: HttpRequest, at: ResourcePath, rest: Rest): HttpResponse => {
  const selector = parseSelector(http.query.get('labelSelector') ?? '')
  if (at.plural === 'nodes') return answer('NodeMetrics', nodeMetrics(rest), at, selector)
  if (at.plural === 'pods') return answer('PodMetrics', podMetrics(rest, at.namespace), at, selector)
  throw new Fault('NotFound', 'the server could not find the requested resource')
}

const answer = (
  kind: string,
  items: readonly KubeObject[],
  { name, plural }: ResourcePath,
  selector: ReturnType<typeof parseSelector>,
): HttpResponse => {
  if (name === '') {
    const chosen = items.filter(one => matches(selector, one.metadata.labels))
    return json({ kind: `${kind}List`, apiVersion, metadata: {}, items: chosen })
  }
  const found = items.find(one => one.metadata.name === name)
  if (found !== undefined) return json({ kind, apiVersion, ...found })
  const about = { name, group: 'metrics.k8s.io', kind: plural }
  throw new Fault('NotFound', `${plural}.metrics.k8s.io "${name}" not found`, about)
}

const nodeMetrics = ({ usage, objects }: Rest): readonly KubeObject[] =>
  usage.nodes().map(({ name, usage: of }) => ({
    metadata: metadataOf({ name }, objects.get('Node', { namespace: '', name }), of),
    ...times(of),
    usage: quantities(of.node),
  }))

const podMetrics = ({ usage, objects }: Rest, namespace: string): readonly KubeObject[] =>
  usage.nodes().flatMap(({ usage: of }) =>
    of.pods
      .filter(pod => namespace === '' || pod.namespace === namespace)
      .flatMap(pod => {
        const object = objects.get('Pod', pod)
        // What a node still reports of a pod that is gone is nobody's.
        if (object === undefined || object.metadata.uid !== pod.uid) return []
        const { name, namespace } = pod
        return {
          metadata: metadataOf({ name, namespace }, object, of),
          ...times(of),
          containers: pod.containers.map(one => ({ name: one.name, usage: quantities(one) })),
        }
      }),
  )

const metadataOf = (
  key: { readonly name: string; readonly namespace?: string },
  object: KubeObject | undefined,
  of: NodeUsage,
) => ({
  ...key,
  ...(object?.metadata.labels === undefined ? {} : { labels: object.metadata.labels }),
  creationTimestamp: of.time,
})

const times = (of: NodeUsage) => ({ timestamp: of.time, window: `${of.windowSeconds}s` })

const quantities = (of: { readonly cpuNanos: number; readonly memoryBytes: number }) => ({
  cpu: `${Math.round(of.cpuNanos)}n`,
  memory: `${Math.round(of.memoryBytes / 1024)}Ki`,
})
