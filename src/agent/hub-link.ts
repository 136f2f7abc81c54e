import type { Assignment } from '../core/nodes/assignment.ts'
import type { Neighbourhood } from '../core/services/neighbourhood.ts'
import type { Command, EventReport, StatusReport } from '../wire/payloads.ts'

/**
 * What the rest of the agent sees of the hub: documents that were verified, ordered and made durable, and a way up.
 * Works without a hub: the persisted documents are there before any connection.
 */
export interface HubLink {
  readonly isConnected: boolean
  /** The newest accepted assignment; after start, the persisted one. */
  assignment(): Assignment | undefined
  neighbourhood(): Neighbourhood | undefined
  onAssignment(listener: (assignment: Assignment) => void): () => void
  onNeighbourhood(listener: (neighbourhood: Neighbourhood) => void): () => void
  /** Commands that were verified, in time and not seen before; the resolved text goes up as the result, a throw as its failure. */
  onCommand(listener: (command: Command) => Promise<string | undefined>): () => void
  /** A full report is wanted: after every hello that was answered. */
  onFullReportWanted(listener: () => void): () => void
  /** @throws Fault Unavailable when not connected; the caller keeps the newest and tries again on connect */
  report(report: Omit<StatusReport, 'format' | 'sequence' | 'bootId' | 'applied'>): Promise<void>
  events(events: EventReport['events']): Promise<void>
  /** `undefined` for a birth takes it away: the device is gone. */
  telemetry(device: string, what: 'birth' | 'data', json: unknown): void
  onConnection(listener: (isConnected: boolean) => void): () => void
  /** How long ago the hub was last heard, ms of monotonic time; undefined: never in this life. */
  silentForMs(): number | undefined
  close(): Promise<void>
}
