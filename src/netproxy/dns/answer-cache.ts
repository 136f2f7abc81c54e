import type { Clock } from '../../lib/clock.ts'
import { rcodes, readRecords, typeNumbers } from './message.ts'

/** Answers from upstream, by question. At the bound the one that was put first goes. */
export interface AnswerCache {
  /** The answer with its times run down, or undefined. `stale`: also one whose time is over, for when nobody can be asked. */
  get(key: string, how: { readonly isStaleFine: boolean }): Buffer | undefined
  put(key: string, answer: Buffer): void
  readonly size: number
}

const mostEntries = 10_000
const mostBytes = 8 * 1024 * 1024
const mostSeconds = 3600
const negativeSeconds = 5
const staleSeconds = 86_400
/** What a stale answer may be kept by who asked. */
const staleTtl = 5

interface Entry {
  readonly answer: Buffer
  readonly at: number
  readonly seconds: number
  readonly ttlsAt: readonly number[]
}

export const answerCache = (clock: Clock): AnswerCache => {
  const entries = new Map<string, Entry>()
  let bytes = 0

  const drop = (key: string): void => {
    bytes -= entries.get(key)?.answer.length ?? 0
    entries.delete(key)
  }

  return {
    get(key, { isStaleFine }) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      const age = Math.floor((clock.monotonic() - entry.at) / 1000)
      if (age > staleSeconds) drop(key)
      if (age >= entry.seconds && !(isStaleFine && age <= staleSeconds)) return undefined
      const answer = Buffer.from(entry.answer)
      for (const at of entry.ttlsAt) {
        const left = entry.answer.readUInt32BE(at) - age
        answer.writeUInt32BE(left > 0 ? left : staleTtl, at)
      }
      return answer
    },
    put(key, answer) {
      const seconds = secondsOf(answer)
      if (seconds === undefined) return
      drop(key)
      const { answers, others } = readRecords(answer)
      const ttlsAt = [...answers, ...others].filter(one => one.type !== typeNumbers['OPT']).map(one => one.ttlAt)
      entries.set(key, { answer: Buffer.from(answer), at: clock.monotonic(), seconds, ttlsAt })
      bytes += answer.length
      for (const oldest of entries.keys()) {
        if (entries.size <= mostEntries && bytes <= mostBytes) break
        drop(oldest)
      }
    },
    get size() {
      return entries.size
    },
  }
}

/** How long an answer holds, or undefined where it is not to be kept. */
const secondsOf = (answer: Buffer): number | undefined => {
  const flags = answer.readUInt16BE(2)
  const rcode = flags & 0xf
  const isTruncated = (flags & 0x0200) !== 0
  if (isTruncated || (rcode !== rcodes.noError && rcode !== rcodes.nxDomain)) return undefined
  const { answers } = readRecords(answer)
  if (rcode === rcodes.nxDomain || answers.length === 0) return negativeSeconds
  return Math.min(mostSeconds, ...answers.map(one => one.ttl))
}
