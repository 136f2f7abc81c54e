import type { KubeObject, Pod } from '../api/types.ts'
import type { NodeUsage } from '../wire/payloads.ts'
import type { StreamResult } from '../wire/side-channel/requests.ts'
import type { Objects } from './objects.ts'

/** What REST needs of the fleet: a pod's log from its node, through the side channel. Bytes as kubectl wants them. */
export interface PodLogs {
  open(pod: Pod, container: string, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

export interface PodLogOptions {
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  readonly sinceTime?: string
  readonly limitBytes?: number
}

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** Bytes both ways, each way ended by itself, with back-pressure both ways. */
export interface ByteStream {
  readonly incoming: AsyncIterable<Uint8Array>
  /** Resolves when the bytes are on their way or may wait within the credit. @throws Fault when the stream is over */
  write(bytes: Uint8Array): Promise<void>
  /** No more from this side. */
  end(): void
  /** Gives up both ways. */
  reset(why: string): void
}

/** A process on a node, reached through the side channel. What nobody reads of it stops it from writing more. */
export interface RemoteProcess {
  readonly stdin: Pick<ByteStream, 'write' | 'end'>
  readonly stdout: AsyncIterable<Uint8Array>
  /** Ends at once where there is a terminal: it has one output only. */
  readonly stderr: AsyncIterable<Uint8Array>
  resize(size: TerminalSize): void
  /** How it ended: an exit code, or a fault that says why there is none. Never rejects. */
  readonly result: Promise<StreamResult>
  /** Ends it: the process is killed, as nobody is there any more. */
  close(why: string): void
}

export interface ProcessRequest {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly size?: TerminalSize
}

/** What REST needs of the fleet for exec, attach and port-forward. A fault when the node cannot be reached or refuses. */
export interface PodStreams {
  exec(
    pod: Pod,
    container: string,
    request: ProcessRequest & { readonly command: readonly string[] },
    signal: AbortSignal,
  ): Promise<RemoteProcess>
  /** To the container's first process; closing leaves that process alone. */
  attach(pod: Pod, container: string, request: ProcessRequest, signal: AbortSignal): Promise<RemoteProcess>
  /** A TCP connection to the port inside the pod, listeners on its localhost included. */
  forward(pod: Pod, port: number, signal: AbortSignal): Promise<ByteStream>
}

/** The newest usage that nodes reported, in memory only: what metrics.k8s.io serves. */
export interface UsageSource {
  node(name: string): NodeUsage | undefined
  nodes(): readonly { readonly name: string; readonly usage: NodeUsage }[]
}

/** Encryption of Secrets at rest. `context` (the store key) is bound to the sealed bytes. */
export interface AtRest {
  seal(plain: Uint8Array, context: string): Uint8Array
  /** @throws Fault Malformed when the bytes were not sealed by one of our keys for this context */
  open(sealed: Uint8Array, context: string): Uint8Array
}

/**
 * Fills in what only the hub can decide, inside the write path and before validation: a Service's address and node
 * ports, a ServiceAccount's defaults. Runs for one kind at a time, never twice at once. Pure but for reading `objects`.
 * @throws Fault Invalid when it cannot (port taken, range full)
 */
export type Admit = (object: KubeObject, before: KubeObject | undefined, objects: Objects) => KubeObject

export type Admission = { readonly [kind: string]: Admit }

/** Metrics in Prometheus' text format, made while they are sent. */
export interface MetricsSource {
  /** What the hub itself counts; does not grow with the fleet. */
  hub(): Promise<AsyncIterable<Uint8Array>>
  /** The fleet's objects. */
  state(): AsyncIterable<Uint8Array>
  /** What nodes reported of themselves, their pods and containers: of all nodes. */
  nodes(): AsyncIterable<Uint8Array>
  /** The same of one node. */
  node(name: string): AsyncIterable<Uint8Array>
}
