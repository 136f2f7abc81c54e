import { backoffMs } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'

/** An answered hello is repeated after this, give or take half. */
const everyMs = 600_000

export interface Greeting {
  /** Says hello now, and again until it is answered. */
  start(): void
  /** Says hello once more after at most this time, e.g. when a hub announced itself. */
  soon(withinMs: number): void
  stop(): void
  /** Whether `nonce` is the newest one: then it counts as answered. */
  answered(nonce: string): boolean
}

/**
 * When to say hello: on every connect, 2 s doubling to 5 min until the answer comes, then every ten minutes +-50 %.
 *
 * @example const greeting = greetings({ clock, random, nonce, say: nonce => sendHello(nonce) })
 */
export const greetings = (of: {
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly nonce: () => string
  readonly say: (nonce: string) => void
}): Greeting => {
  let nonce: string | undefined
  let attempt = 0
  let cancel: (() => void) | undefined

  const say = (): void => {
    cancel?.()
    nonce = of.nonce()
    const wait = backoffMs({ attempt, first: 2000, most: 300_000 })
    attempt += 1
    cancel = of.clock.after(wait, say)
    of.say(nonce)
  }
  const begin = (): void => {
    attempt = 0
    say()
  }
  return {
    start: begin,
    soon(withinMs) {
      cancel?.()
      cancel = of.clock.after(Math.round(withinMs * of.random()), begin)
    },
    stop() {
      cancel?.()
      cancel = undefined
      nonce = undefined
    },
    answered(found) {
      if (nonce === undefined || found !== nonce) return false
      nonce = undefined
      cancel?.()
      cancel = of.clock.after(everyMs * (0.5 + of.random()), begin)
      return true
    },
  }
}
