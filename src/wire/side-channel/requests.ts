import { Fault, type FaultReason, faults } from '../../api/fault.ts'
import { count, flag, maybe, oneOf, type Parse, record, text, wholeNumber } from '../parse.ts'
import { time } from '../parse-down.ts'
import type {
  JournalRequest,
  NodeCopyRequest,
  NodeForwardRequest,
  ShellRequest,
  ShellsRequest,
} from './node-requests.ts'
import type { AttachRequest, CopyRequest, ExecRequest, ForwardRequest, StderrRequest } from './pod-requests.ts'

/** What the hub may ask of a node in a stream. */
export interface StreamRequests {
  readonly logs: LogRequest
  readonly exec: ExecRequest
  readonly attach: AttachRequest
  readonly stderr: StderrRequest
  readonly forward: ForwardRequest
  /** node -> hub: the archive; the hub sends nothing. */
  readonly 'copy-out': CopyRequest
  /** hub -> node: the archive, ended by `end`. */
  readonly 'copy-in': CopyRequest
  /** Of the device itself, as its policy allows. */
  readonly shell: ShellRequest
  /** node -> hub: a line of JSON for each shell that lives, a ShellReport. */
  readonly shells: ShellsRequest
  readonly journal: JournalRequest
  readonly 'node-copy-out': NodeCopyRequest
  readonly 'node-copy-in': NodeCopyRequest
  readonly 'node-forward': NodeForwardRequest
}

export type StreamType = keyof StreamRequests

/** What a tunnel over MQTT carries: what people read and type. The rest would starve the documents beside it. */
const tunnelled: ReadonlySet<string> = new Set<StreamType>([
  'logs',
  'exec',
  'attach',
  'stderr',
  'shell',
  'shells',
  'journal',
])

/** @throws Fault Unavailable that says what to open */
export const checkTunnelled = (type: string): void => {
  if (tunnelled.has(type)) return
  throw new Fault(
    'Unavailable',
    `the node reaches only the MQTT port of its hub, which carries logs and commands but no "${type}" streams: let it reach the API port (6443 unless set) as well`,
    { type },
  )
}

export interface LogRequest {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  /** RFC 3339 */
  readonly sinceTime?: string
  readonly limitBytes?: number
}

const name = text(253)

export const parseLogRequest: Parse<LogRequest> = record<LogRequest>({
  podUid: text(64),
  namespace: name,
  name,
  container: name,
  follow: flag,
  previous: flag,
  timestamps: flag,
  tailLines: maybe(count),
  sinceSeconds: maybe(count),
  sinceTime: maybe(time),
  limitBytes: maybe(count),
})

/** The body of an `open` frame. */
export interface OpenStream {
  readonly type: string
  readonly request: unknown
}

export const parseOpenStream: Parse<OpenStream> = (value, at) => ({
  ...record<{ readonly type: string }>({ type: text(64) })(value, at),
  request: value !== null && typeof value === 'object' && 'request' in value ? value.request : undefined,
})

/** How a stream ended, in a `result` frame. */
export interface StreamResult {
  /** Of a process; 0 where there is none and all went well. */
  readonly exitCode?: number
  readonly error?: { readonly reason: FaultReason; readonly message: string }
}

const reasons = Object.keys(faults) as FaultReason[]

export const parseStreamResult: Parse<StreamResult> = record<StreamResult>({
  exitCode: maybe(wholeNumber(-1, 65_535)),
  error: maybe(
    record<NonNullable<StreamResult['error']>>({ reason: oneOf<FaultReason>(...reasons), message: text(4096) }),
  ),
})
