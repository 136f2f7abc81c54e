import { milliOf, tryParseQuantity } from '../../api/quantity.ts'
import type { Container, Node, Pod, PodSpec } from '../../api/types.ts'

/** Resource name -> amount: thousandths of a core for `cpu`, whole units (bytes, devices) for all others. */
export type Amounts = ReadonlyMap<string, number>

type Quantities = { readonly [resource: string]: string } | undefined

/**
 * What a pod asks of its node (k8s: PodRequests): its containers and sidecars together, or the hungriest moment of its
 * init phase where that is more; a resource named for the whole pod takes its place; overhead comes on top.
 *
 * @example podRequests(pod.spec).get('cpu') // 250
 */
export const podRequests = (spec: PodSpec | undefined): Amounts => {
  const running = new Map<string, number>()
  for (const container of spec?.containers ?? []) add(running, requestsOf(container))
  const sidecars = new Map<string, number>()
  const total = new Map<string, number>()
  for (const container of spec?.initContainers ?? []) {
    const own = requestsOf(container)
    if (container.restartPolicy === 'Always') {
      add(sidecars, own)
      atLeast(total, sidecars)
    } else {
      const moment = new Map(sidecars)
      add(moment, own)
      atLeast(total, moment)
    }
  }
  add(running, sidecars)
  atLeast(total, running)
  for (const [resource, amount] of amountsOf(spec?.resources?.requests)) total.set(resource, amount)
  add(total, amountsOf(spec?.overhead))
  return total
}

const requestsOf = (container: Container): Amounts =>
  amountsOf({ ...container.resources?.limits, ...container.resources?.requests })

const add = (to: Map<string, number>, amounts: Amounts): void => {
  for (const [resource, amount] of amounts) to.set(resource, (to.get(resource) ?? 0) + amount)
}

const atLeast = (to: Map<string, number>, amounts: Amounts): void => {
  for (const [resource, amount] of amounts) to.set(resource, Math.max(to.get(resource) ?? 0, amount))
}

/** Rounded up: what is asked is never counted too low. A text that is no quantity counts as nothing. */
const amountsOf = (quantities: Quantities): Amounts => {
  const amounts = new Map<string, number>()
  for (const [resource, text] of Object.entries(quantities ?? {})) {
    const nanos = tryParseQuantity(String(text))
    if (nanos === undefined || nanos <= 0n) continue
    amounts.set(resource, resource === 'cpu' ? Number(milliOf(text)) : Number((nanos + 999_999_999n) / 1_000_000_000n))
  }
  return amounts
}

/** What a node has to give, rounded down: what is there is never counted too high. */
export const allocatableOf = (node: Node): Amounts => {
  const amounts = new Map<string, number>()
  for (const [resource, text] of Object.entries(node.status?.allocatable ?? {})) {
    const nanos = tryParseQuantity(String(text))
    if (nanos === undefined || nanos < 0n) continue
    amounts.set(resource, Number(nanos / (resource === 'cpu' ? 1_000_000n : 1_000_000_000n)))
  }
  return amounts
}

/** `protocol/ip/port` of every host port the pod takes; with hostNetwork its container ports are host ports too. */
export const hostPortsOf = (pod: Pod): readonly HostPort[] =>
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter(one => one.restartPolicy === 'Always')]
    .flatMap(container => container.ports ?? [])
    .map(port => ({
      protocol: port.protocol ?? 'TCP',
      ip: port.hostIP === undefined || port.hostIP === '' ? '0.0.0.0' : port.hostIP,
      port: port.hostPort ?? (pod.spec?.hostNetwork === true ? port.containerPort : 0),
    }))
    .filter(port => port.port > 0)

export interface HostPort {
  readonly protocol: string
  readonly ip: string
  readonly port: number
}

/** Two host ports that cannot be on one node. `0.0.0.0` is every address. */
export const portsClash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')
