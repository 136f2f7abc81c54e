import { count, flag, list, maybe, type Parse, record, text, wholeNumber } from '../parse.ts'
import { type ProcessStreams, processMembers } from './pod-requests.ts'

/*
 * What the hub may ask of the device itself. `by` is the name of whoever asks, as the hub knows it: for the device's
 * own record, and so that nobody takes over a shell of somebody else. What is allowed the device decides.
 */

/**
 * A shell with a terminal, which stays for a while when the stream is given up; or, without `tty`, a command with pipes,
 * which ends with the stream.
 */
export interface ShellRequest extends ProcessStreams {
  /** Of the hub's choice; a shell can be found again by it. */
  readonly session: string
  readonly by: string
  /** To the shell of that session, which somebody left; else a new one. */
  readonly resume: boolean
  /** Absent: the usual account of the device's policy. */
  readonly user?: string
  /** Empty: the account's shell. */
  readonly command: readonly string[]
  /** What kind of terminal it is for, e.g. `xterm-256color`. */
  readonly term: string
}

/** Lines of the device's journal, or of the agent's own log where it has none. */
export interface JournalRequest {
  readonly by: string
  readonly unit?: string
  readonly follow: boolean
  readonly lines?: number
  readonly sinceSeconds?: number
}

/** A tar archive of a path of the device, or into a folder of it. */
export interface NodeCopyRequest {
  readonly by: string
  readonly path: string
}

/** A TCP connection from the device to whatever it reaches. */
export interface NodeForwardRequest {
  readonly by: string
  readonly host: string
  readonly port: number
  /** Whether it would be allowed, and no more: no connection is made, and the stream ends at once. */
  readonly onlyAsk?: boolean
}

/** The shells that live on the device: one line of JSON each. */
export interface ShellsRequest {
  /** Ends the one of this session before. */
  readonly end?: string
}

/** A shell as a device tells of it. */
export interface ShellReport {
  readonly session: string
  readonly by: string
  readonly user: string
  readonly command: readonly string[]
  /** Whether somebody is at it. */
  readonly isAttached: boolean
  /** Seconds since it was started, and until it ends when nobody comes. */
  readonly ageSeconds: number
  readonly leftSeconds?: number
}

const by = text(253)
const session = text(32, /^[a-z0-9]+$/)
const path = text(4096, /^\/[^\0]*$/)
const words = list(1024, text(32 * 1024, /^[^\0]*$/))
const user = text(32, /^[a-z_][a-z0-9_.-]*\$?$/i)

export const parseShellRequest: Parse<ShellRequest> = record<ShellRequest>({
  session,
  by,
  resume: flag,
  user: maybe(user),
  command: words,
  term: text(64, /^[A-Za-z0-9][A-Za-z0-9+._-]*$/),
  ...processMembers,
})

export const parseJournalRequest: Parse<JournalRequest> = record<JournalRequest>({
  by,
  unit: maybe(text(255, /^[A-Za-z0-9][A-Za-z0-9:_.@\\-]*$/)),
  follow: flag,
  lines: maybe(count),
  sinceSeconds: maybe(count),
})

export const parseNodeCopyRequest: Parse<NodeCopyRequest> = record<NodeCopyRequest>({ by, path })

export const parseNodeForwardRequest: Parse<NodeForwardRequest> = record<NodeForwardRequest>({
  by,
  host: text(253, /^[A-Za-z0-9][A-Za-z0-9.:-]*$|^[0-9a-fA-F:]+$/),
  port: wholeNumber(1, 65_535),
  onlyAsk: maybe(flag),
})

export const parseShellsRequest: Parse<ShellsRequest> = record<ShellsRequest>({ end: maybe(session) })

export const parseShellReport: Parse<ShellReport> = record<ShellReport>({
  session,
  by,
  user,
  command: words,
  isAttached: flag,
  ageSeconds: count,
  leftSeconds: maybe(count),
})
