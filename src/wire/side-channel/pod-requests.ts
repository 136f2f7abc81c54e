import { flag, list, maybe, type Parse, record, text, wholeNumber } from '../parse.ts'

/** A container of this node, as the hub knows it. */
export interface ContainerPlace {
  readonly podUid: string
  readonly namespace: string
  readonly name: string
  readonly container: string
}

/** What of a process is wanted, and where it has a terminal, its size in characters. */
export interface ProcessStreams {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  /** In a stream `stderr` that names this one. Not with `tty`: a terminal has one output only. */
  readonly stderr: boolean
  readonly size?: { readonly columns: number; readonly rows: number }
}

/** Its process is killed when the stream is given up. `update`s carry its terminal's size. */
export interface ExecRequest extends ContainerPlace, ProcessStreams {
  readonly command: readonly string[]
}

/** To the container's first process, which lives on when the stream ends. */
export interface AttachRequest extends ContainerPlace, ProcessStreams {}

/** The standard error of the process of stream `of` of the same session. */
export interface StderrRequest {
  readonly of: number
}

/** A TCP connection to a port of the pod, listeners on its localhost included. */
export interface ForwardRequest extends Omit<ContainerPlace, 'container'> {
  readonly port: number
}

/** A tar archive of `path` out of a container, or into its folder `path`; no tar in the image is needed. */
export interface CopyRequest extends ContainerPlace {
  readonly path: string
}

const name = text(253)

export const placeMembers = { podUid: text(64), namespace: name, name }

export const parseTerminalSize: Parse<NonNullable<ProcessStreams['size']>> = record<
  NonNullable<ProcessStreams['size']>
>({ columns: wholeNumber(1, 10_000), rows: wholeNumber(1, 10_000) })

/** For every request that starts a process or attaches to one. */
export const processMembers = {
  tty: flag,
  stdin: flag,
  stdout: flag,
  stderr: flag,
  size: maybe(parseTerminalSize),
}

/** Linux: one argument has at most 128 KiB; the frame that carries them all at most 32. */
const word = text(32 * 1024)

export const parseExecRequest: Parse<ExecRequest> = record<ExecRequest>({
  ...placeMembers,
  container: name,
  ...processMembers,
  command: list(1024, word),
})

export const parseAttachRequest: Parse<AttachRequest> = record<AttachRequest>({
  ...placeMembers,
  container: name,
  ...processMembers,
})

export const parseStderrRequest: Parse<StderrRequest> = record<StderrRequest>({ of: wholeNumber(1, 2 ** 32 - 1) })

export const parseForwardRequest: Parse<ForwardRequest> = record<ForwardRequest>({
  ...placeMembers,
  port: wholeNumber(1, 65_535),
})

export const parseCopyRequest: Parse<CopyRequest> = record<CopyRequest>({
  ...placeMembers,
  container: name,
  path: text(4096, /^[^\0]+$/),
})
