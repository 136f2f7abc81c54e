import type { HubLink } from '../../src/agent/hub-link.ts'
import { Fault } from '../../src/api/fault.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import type { Neighbourhood } from '../../src/core/services/neighbourhood.ts'
import type { Command, EventReport, NodeReport, PodReport, StatusReport } from '../../src/wire/payloads.ts'

type Report = Omit<StatusReport, 'format' | 'sequence' | 'bootId' | 'applied'>

export interface FakeHubLink extends HubLink {
  /** Every report that the hub took, oldest first. */
  readonly reports: readonly Report[]
  readonly told: readonly EventReport['events'][number][]
  readonly telemetryMessages: readonly { readonly device: string; readonly what: string; readonly json: unknown }[]
  /** The newest report of each pod, as the hub would know it. */
  readonly pods: ReadonlyMap<string, PodReport>
  readonly node: NodeReport | undefined
  /** Gives the agent a new assignment, as if verified and durable. */
  assign(assignment: Assignment): void
  neighbours(neighbourhood: Neighbourhood): void
  /** Connects, and asks for everything, as a hub does that was greeted. */
  connect(): void
  disconnect(): void
  command(command: Command): Promise<string | undefined>
}

/** The agent's link, with the hub played by the test. Starts without a connection, with what was persisted. */
export const fakeHubLink = (persisted: { readonly assignment?: Assignment } = {}): FakeHubLink => {
  let assignment = persisted.assignment
  let neighbourhood: Neighbourhood | undefined
  let isConnected = false
  const reports: Report[] = []
  const told: EventReport['events'][number][] = []
  const telemetryMessages: { device: string; what: string; json: unknown }[] = []
  const pods = new Map<string, PodReport>()
  let node: NodeReport | undefined
  const onAssignment = new Set<(assignment: Assignment) => void>()
  const onNeighbourhood = new Set<(neighbourhood: Neighbourhood) => void>()
  const onConnection = new Set<(isConnected: boolean) => void>()
  const onFull = new Set<() => void>()
  const onCommand = new Set<(command: Command) => Promise<string | undefined>>()
  const add =
    <T>(set: Set<T>) =>
    (listener: T) => {
      set.add(listener)
      return () => void set.delete(listener)
    }
  return {
    reports,
    told,
    telemetryMessages,
    pods,
    get node() {
      return node
    },
    get isConnected() {
      return isConnected
    },
    assignment: () => assignment,
    neighbourhood: () => neighbourhood,
    onAssignment: add(onAssignment),
    onNeighbourhood: add(onNeighbourhood),
    onCommand: add(onCommand),
    onFullReportWanted: add(onFull),
    onConnection: add(onConnection),
    async report(report) {
      if (!isConnected) throw new Fault('Unavailable', 'not connected')
      reports.push(report)
      node = report.node ?? node
      for (const pod of report.pods ?? []) {
        if (pod.gone) pods.delete(pod.uid)
        else pods.set(pod.uid, pod)
      }
    },
    async events(events) {
      if (!isConnected) throw new Fault('Unavailable', 'not connected')
      told.push(...events)
    },
    telemetry(device, what, json) {
      if (isConnected) telemetryMessages.push({ device, what, json })
    },
    silentForMs: () => undefined,
    async close() {},
    assign(next) {
      assignment = next
      for (const listener of onAssignment) listener(next)
    },
    neighbours(next) {
      neighbourhood = next
      for (const listener of onNeighbourhood) listener(next)
    },
    connect() {
      isConnected = true
      for (const listener of onConnection) listener(true)
      for (const listener of onFull) listener()
    },
    disconnect() {
      isConnected = false
      for (const listener of onConnection) listener(false)
    },
    async command(command) {
      for (const listener of onCommand) return await listener(command)
      return undefined
    },
  }
}
