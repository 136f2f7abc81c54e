import { Fault } from '../../api/fault.ts'
import { faultOf } from '../kube-client.ts'
import { at, listAt, textAt } from '../shown.ts'
import type { ChannelSocket } from './channel-socket.ts'

export const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 } as const

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** This side's ends of a process that runs elsewhere. */
export interface LocalEnds {
  /** Its end closes the process's input. Absent: none. */
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly stdout: (bytes: Uint8Array) => Promise<void> | void
  readonly stderr: (bytes: Uint8Array) => Promise<void> | void
}

/**
 * Puts a process through until it has ended; resolves to its exit code.
 *
 * @throws Fault as its status says where it has no exit code; Unavailable when the connection breaks
 * @example const code = await talk(socket, { stdin, stdout: bytes => out.write(bytes), stderr: … })
 */
export const talk = async (socket: ChannelSocket, ends: LocalEnds): Promise<number> => {
  let inputFailure: unknown
  if (ends.stdin !== undefined)
    passInput(ends.stdin, socket).catch((error: unknown) => {
      // What the process said last matters more than that it took no more.
      inputFailure = error
    })
  let status: unknown
  for await (const { channel, bytes } of socket.messages) {
    if (channel === channels.stdout && bytes.length > 0) await ends.stdout(bytes)
    else if (channel === channels.stderr && bytes.length > 0) await ends.stderr(bytes)
    else if (channel === channels.status && bytes.length > 0) status = statusOf(bytes)
  }
  if (status !== undefined) return exitCodeOf(status)
  throw new Fault('Unavailable', 'the connection ended before the process did', {}, inputFailure)
}

/** @example await resize(socket, { columns: 80, rows: 24 }) */
export const resize = (socket: ChannelSocket, size: TerminalSize): Promise<void> =>
  socket.send(channels.resize, Buffer.from(JSON.stringify({ Width: size.columns, Height: size.rows })))

/** Bytes of one message; the hub takes no more at once. */
const mostBytes = 32 * 1024

const passInput = async (stdin: AsyncIterable<Uint8Array>, socket: ChannelSocket): Promise<void> => {
  for await (const chunk of stdin)
    for (let at = 0; at < chunk.length; at += mostBytes)
      await socket.send(channels.stdin, chunk.subarray(at, at + mostBytes))
  await socket.end(channels.stdin)
}

const statusOf = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new Fault('Malformed', 'the hub sent a status that is not JSON', {}, error)
  }
}

/** k8s: remotecommand, errorDecoderV4. */
const exitCodeOf = (status: unknown): number => {
  if (textAt(status, 'status') === 'Success') return 0
  if (textAt(status, 'reason') === 'NonZeroExitCode') {
    const cause = listAt(status, 'details', 'causes').find(one => at(one, 'reason') === 'ExitCode')
    const code = Number(textAt(cause, 'message'))
    if (Number.isInteger(code)) return code
  }
  throw faultOf(Number(at(status, 'code') ?? 500), Buffer.from(JSON.stringify(status)))
}
