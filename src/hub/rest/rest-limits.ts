import { Fault } from '../../api/fault.ts'
import type { RestCounts } from './rest-counts.ts'
import { type Shares, shares } from './shares.ts'

const mebibyte = 1024 * 1024

/** What all may have together, and one user of it: enough for the others is always left. */
export const restLimits = (counts: RestCounts) => {
  const all = {
    /** Requests under way. k8s: max-requests-inflight. */
    readOnly: shares({ most: 400, mostOfUser: 250 }),
    /** k8s: max-mutating-requests-inflight. */
    mutating: shares({ most: 200, mostOfUser: 120 }),
    /** A connection with TLS costs some 50 KiB. */
    watches: shares({ most: 2000, mostOfUser: 1000 }),
    /** Bytes of bodies that have come so far. */
    bodies: shares({ most: 96 * mebibyte, mostOfUser: 32 * mebibyte }),
    /** Bytes of answers that their clients have not taken yet. */
    answers: shares({ most: 128 * mebibyte, mostOfUser: 48 * mebibyte }),
  }

  const claim = (what: Shares, user: string, amount: number, refused: () => Fault): (() => void) => {
    if (!what.take(user, amount)) throw refused()
    let isOver = false
    return () => {
      if (!isOver) what.give(user, amount)
      isOver = true
    }
  }

  const tooMany =
    (kind: 'readOnly' | 'mutating', reason: 'inflight' | 'watches' | 'bodies' | 'answers', what: string) => () => {
      counts.dropped([kind, reason])
      return new Fault('TooManyRequests', `${what}: try again later`, {
        retryAfterSeconds: reason === 'watches' ? 10 : 1,
      })
    }

  return {
    /** Each returns how to give it back. @throws Fault TooManyRequests */
    request: (user: string, kind: 'readOnly' | 'mutating') =>
      claim(all[kind], user, 1, tooMany(kind, 'inflight', 'too many requests are under way')),
    watch: (user: string) =>
      claim(all.watches, user, 1, tooMany('readOnly', 'watches', `there are ${all.watches.taken} watches open`)),
    body: (user: string, bytes: number) =>
      claim(all.bodies, user, bytes, tooMany('mutating', 'bodies', 'too many large requests are being read')),
    answer: (user: string, bytes: number) =>
      claim(all.answers, user, bytes, tooMany('readOnly', 'answers', 'too many large answers have not been taken')),
  }
}

export type RestLimits = ReturnType<typeof restLimits>
