import { parseQuantity } from '../../api/quantity.ts'
import type { Container, Pod, ResourceFieldSelector } from '../../api/types.ts'

/** What a pod may learn of the node it is on. */
export interface NodeFacts {
  readonly name: string
  /** The first is status.hostIP. */
  readonly addresses: readonly string[]
  /** Quantities, as in the Node object: what stands in for a limit that is not set. */
  readonly allocatable: { readonly [resource: string]: string }
  /** Whether containers may get a negative oom_score_adj (CAP_SYS_RESOURCE). */
  readonly canProtectFromOom: boolean
  readonly memoryBytes: number
}

export interface FieldFacts {
  readonly pod: Pod
  readonly node: NodeFacts
  readonly podIP: string | undefined
}

/**
 * The value of a field path, or undefined where the path is not one that can be read (k8s: ExtractFieldPathAsString).
 * @example fieldValue("metadata.labels['app']", facts)
 */
export const fieldValue = (path: string, facts: FieldFacts): string | undefined => {
  const { metadata, spec } = facts.pod
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (keyed !== null) {
    const map = keyed[1] === 'labels' ? metadata.labels : metadata.annotations
    return map?.[keyed[2] ?? ''] ?? ''
  }
  const reader = fields[path]
  return reader?.({ ...facts, metadata, spec })
}

const fields: {
  readonly [path: string]: (of: FieldFacts & Pick<Pod, 'metadata' | 'spec'>) => string
} = {
  'metadata.name': of => of.metadata.name ?? '',
  'metadata.namespace': of => of.metadata.namespace ?? '',
  'metadata.uid': of => of.metadata.uid ?? '',
  'metadata.labels': of => quotedLines(of.metadata.labels),
  'metadata.annotations': of => quotedLines(of.metadata.annotations),
  'spec.nodeName': of => of.node.name,
  'spec.serviceAccountName': of => of.spec?.serviceAccountName ?? 'default',
  'status.hostIP': of => of.node.addresses[0] ?? '',
  'status.hostIPs': of => of.node.addresses.join(','),
  'status.podIP': of => of.podIP ?? '',
  'status.podIPs': of => of.podIP ?? '',
}

/** k8s: FormatMap, one `key="value"` a line, sorted. */
const quotedLines = (map: { readonly [key: string]: string } | undefined): string =>
  Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')

/**
 * The value of a container's resource in units of its divisor, rounded up; an absent limit is what the node can give.
 * Undefined where there is no such resource (k8s: ExtractContainerResourceValue).
 */
export const resourceValue = (
  selector: ResourceFieldSelector,
  container: Container,
  node: NodeFacts,
): string | undefined => {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(selector.resource)
  if (match === null) return undefined
  const [, of = '', resource = ''] = match
  const { limits, requests } = container.resources ?? {}
  const set = of === 'limits' ? (limits?.[resource] ?? node.allocatable[resource]) : requests?.[resource]
  const amount = parseQuantity(set ?? '0')
  const divisor = parseQuantity(selector.divisor ?? '0')
  const by = divisor === 0n ? 1_000_000_000n : divisor
  return String((amount + by - 1n) / by)
}
