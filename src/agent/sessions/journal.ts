import { existsSync } from 'node:fs'
import { Fault } from '../../api/fault.ts'
import { judgeJournal } from '../../core/access/device-policy.ts'
import { type JournalRequest, parseJournalRequest } from '../../wire/side-channel/node-requests.ts'
import type { ServedStream } from '../../wire/side-channel/streams.ts'
import type { OwnLog } from '../own-log.ts'
import { demandAllowed, type ReadPolicy } from './device-policy-file.ts'
import { pipedProcess } from './piped-process.ts'
import { type StreamService, streamService } from './stream-service.ts'

/** What is shown where nobody says how much. */
const usualLines = 100
/** Lines that may wait for a slow reader of the agent's own log; more are left out, and that is said. */
const mostWaiting = 1000

/** Whether systemd runs this device: then its journal has everything. */
export const hasJournal = (): boolean => existsSync('/run/systemd/system')

/**
 * The device's journal by journalctl; where there is none, the agent's own log.
 *
 * @throws Fault Forbidden as the policy says; BadRequest for a unit where there is no journal
 */
export const serveJournal = (of: {
  readonly policy: ReadPolicy
  /** Absent: there is a journal. */
  readonly ownLog?: OwnLog
  readonly now: () => number
  readonly journalctl?: string
}): StreamService =>
  streamService('journal', parseJournalRequest, async (request, stream) => {
    demandAllowed(judgeJournal(await of.policy(), request.unit))
    if (of.ownLog !== undefined) await passOwnLog(of.ownLog, request, stream, of.now())
    else await passJournal(of.journalctl ?? 'journalctl', request, stream)
    return undefined
  })

/** @example journalWords({ by: 'ann', follow: true, lines: 10 }) */
export const journalWords = (request: JournalRequest): readonly string[] => [
  '--no-pager',
  '--output=short-iso',
  `--lines=${request.lines ?? (request.sinceSeconds === undefined ? usualLines : 'all')}`,
  ...(request.follow ? ['--follow'] : []),
  ...(request.unit === undefined ? [] : [`--unit=${request.unit}`]),
  ...(request.sinceSeconds === undefined ? [] : [`--since=-${request.sinceSeconds}s`]),
]

const passJournal = async (program: string, request: JournalRequest, stream: ServedStream): Promise<void> => {
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' }
  const process = await pipedProcess({ program, args: journalWords(request), env, cwd: '/' }, { stderr: true })
  const leave = (): void => void process.close()
  stream.signal.addEventListener('abort', leave, { once: true })
  if (stream.signal.aborted) leave()
  stream.accept()
  const complaint = tailOf(process.stderr)
  for await (const chunk of process.stdout) await stream.write(chunk)
  const code = await process.exitCode
  if (code !== 0 && !stream.signal.aborted)
    throw new Fault('Machine', `journalctl ended with ${code}: ${(await complaint).trim() || 'it said nothing'}`)
}

const tailOf = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = ''
  for await (const chunk of chunks) text = `${text}${Buffer.from(chunk)}`.slice(-1000)
  return text
}

const passOwnLog = async (own: OwnLog, request: JournalRequest, stream: ServedStream, now: number): Promise<void> => {
  if (request.unit !== undefined)
    throw new Fault('BadRequest', `this device has no journal of systemd: without --unit its agent's own log is shown`)
  const waiting: string[] = []
  let missed = 0
  let wake = (): void => {}
  const stop = own.onLine(line => {
    if (waiting.length < mostWaiting) waiting.push(line)
    else missed += 1
    wake()
  })
  try {
    const since = request.sinceSeconds === undefined ? undefined : now - request.sinceSeconds * 1000
    const newest = since === undefined ? usualLines : undefined
    const lines = (await own.lines()).filter(line => since === undefined || timeOf(line) >= since)
    stream.accept()
    const count = request.lines ?? newest
    const shown = count === undefined ? lines : count === 0 ? [] : lines.slice(-count)
    // What came while the file was read may stand in it already.
    const seen = new Set(lines.slice(-mostWaiting))
    await stream.write(Buffer.from(shown.join('')))
    if (!request.follow) return
    const left = new Promise<void>(resolve => {
      if (stream.signal.aborted) resolve()
      else stream.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    while (!stream.signal.aborted) {
      const line = waiting.shift()
      if (line === undefined) {
        seen.clear()
        await Promise.race([
          left,
          new Promise<void>(resolve => {
            wake = resolve
          }),
        ])
      } else if (!seen.has(line)) {
        const note = missed === 0 ? '' : `(${missed} lines were left out: they came faster than they were read)\n`
        missed = 0
        await stream.write(Buffer.from(note + line))
      }
    }
  } finally {
    stop()
  }
}

const timeOf = (line: string): number => Date.parse(/^\{"time":"([^"]{1,40})"/.exec(line)?.[1] ?? '')
