import type { ContainerStatus, NodeCondition, NodeSystemInfo, PodStatus } from '../api/types.ts'
import { count, dictionary, finite, flag, list, maybe, oneOf, type Parse, record, text } from './parse.ts'
import { parseHeld, time } from './parse-down.ts'
import { kube } from './parse-kube.ts'
import type { EventReport, Hello, Live, NodeReport, NodeUsage, PodReport, Result, StatusReport } from './payloads.ts'

const name = text(253)
const uid = text(64)
const bootId = text(64)

export const parseHello: Parse<Hello> = record<Hello>({
  format: oneOf(1),
  nonce: text(64, /^[0-9a-f]{16,64}$/),
  connection: count,
  bootId,
  agentVersion: text(100),
  state: maybe(parseHeld),
  net: maybe(parseHeld),
  unknownFields: list(32, text(200)),
})

export const parseLive: Parse<Live> = record<Live>({ format: oneOf(1), connection: count, up: flag })

const parseNode: Parse<NodeReport> = record<NodeReport>({
  addresses: list(64, record<NodeReport['addresses'][number]>({ type: text(64), address: name })),
  capacity: dictionary(200, text(64)),
  allocatable: dictionary(200, text(64)),
  conditions: list(100, kube<NodeCondition>('NodeCondition')),
  nodeInfo: kube<NodeSystemInfo>('NodeSystemInfo'),
  images: list(500, record<NodeReport['images'][number]>({ names: list(50, text(512)), sizeBytes: count })),
  labels: dictionary(200, text(63)),
  board: maybe(text(64)),
})

const parsePod: Parse<PodReport> = record<PodReport>({
  uid,
  namespace: name,
  name,
  status: maybe(kube<PodStatus>('PodStatus')),
  gone: maybe(flag),
  containerStatuses: maybe(list(200, kube<ContainerStatus>('ContainerStatus'))),
})

type PodUsage = NodeUsage['pods'][number]

const parseUsage: Parse<NodeUsage> = record<NodeUsage>({
  time,
  windowSeconds: finite,
  node: record<NodeUsage['node']>({ cpuNanos: finite, memoryBytes: finite }),
  pods: list(
    1000,
    record<PodUsage>({
      namespace: name,
      name,
      uid,
      containers: list(
        200,
        record<PodUsage['containers'][number]>({
          name,
          cpuNanos: finite,
          memoryBytes: finite,
          cpuSeconds: maybe(finite),
        }),
      ),
    }),
  ),
})

export const parseStatus: Parse<StatusReport> = record<StatusReport>({
  format: oneOf(1),
  sequence: count,
  bootId,
  applied: record<StatusReport['applied']>({ state: maybe(parseHeld), net: maybe(parseHeld) }),
  node: maybe(parseNode),
  pods: maybe(list(1000, parsePod)),
  presentPodUids: maybe(list(2000, uid)),
  usage: maybe(parseUsage),
})

export const parseResult: Parse<Result> = record<Result>({
  format: oneOf(1),
  id: text(64),
  ok: flag,
  message: maybe(text(4096)),
})

type Happening = EventReport['events'][number]

export const parseEvents: Parse<EventReport> = record<EventReport>({
  format: oneOf(1),
  sequence: count,
  events: list(
    200,
    record<Happening>({
      type: oneOf('Normal', 'Warning'),
      reason: text(128),
      message: text(4096),
      time,
      count,
      involved: record<Happening['involved']>({
        kind: oneOf('Pod', 'Node'),
        namespace: text(253),
        name,
        uid,
        fieldPath: maybe(text(500)),
      }),
    }),
  ),
})
