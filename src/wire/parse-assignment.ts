import type { ConfigMap, Pod, Secret } from '../api/types.ts'
import type { Assignment, NodeNetwork } from '../core/nodes/assignment.ts'
import { dictionary, list, oneOf, type Parse, record, text } from './parse.ts'
import { kube, mostUnknown, type Unknowns } from './parse-kube.ts'

const parseNetwork: Parse<NodeNetwork> = record<NodeNetwork>({
  podCIDR: text(64),
  clusterCIDR: text(64),
  serviceCIDR: text(64),
  dnsAddress: text(64),
  domain: text(253),
})

/**
 * @example parseAssignment(unknowns)(JSON.parse(text), 'd/state')
 * @throws Fault Malformed naming the field
 */
export const parseAssignment =
  (unknowns?: Unknowns): Parse<Assignment> =>
  (value, at) => {
    const assignment = record<Assignment>({
      format: oneOf(1),
      node: record<Assignment['node']>({ name: text(63), uid: text(64) }),
      network: parseNetwork,
      nodeLabels: dictionary(1000, text(1024)),
      pods: list(1000, kube<Pod>('Pod', unknowns)),
      configMaps: list(4000, kube<ConfigMap>('ConfigMap', unknowns)),
      secrets: list(4000, kube<Secret>('Secret', unknowns)),
    })(value, at)
    noteUnknown(value, assignment, at, unknowns)
    return assignment
  }

/** Members of the document itself that were left out. */
const noteUnknown = (value: unknown, known: object, at: string, unknowns: Unknowns | undefined): void => {
  if (unknowns === undefined || value === null || typeof value !== 'object') return
  for (const name of Object.keys(value))
    if (!Object.hasOwn(known, name) && unknowns.paths.length < mostUnknown) unknowns.paths.push(`${at}.${name}`)
}
