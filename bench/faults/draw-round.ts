import { type FaultName, faultNames, faultTable } from './faults.ts'

/** What one round does. The same seed and number always draw the same. */
export interface Round {
  readonly number: number
  readonly fault: FaultName
  /** The node that it happens to, where it happens to one. */
  readonly node?: string
  /** How long it lasts, ms. */
  readonly lastsMs: number
  /** 0 up to 1, for what can only be chosen when it is seen, e.g. which container. */
  readonly choice: number
}

/**
 * Round `number` (from 1) of a seed. Faults come in decks: each deck holds every fault once, shuffled, so after some
 * decks each was met as often as the others, in another order each time.
 *
 * @example drawRound({ seed: 1, number: 7, nodes: ['a', 'b', 'c'] })
 */
export const drawRound = (of: {
  readonly seed: number
  readonly number: number
  readonly nodes: readonly string[]
  /** Only these faults; all unless said. */
  readonly only?: readonly FaultName[]
}): Round => {
  const names = of.only ?? faultNames
  const index = of.number - 1
  const deck = shuffled(names, randomOf(of.seed, Math.floor(index / names.length), 1))
  const fault = deck[index % names.length]
  if (fault === undefined)
    throw new RangeError(`there is no fault to draw for round ${of.number}: number from 1, and name a fault`)
  const random = randomOf(of.seed, index, 2)
  const node = of.nodes[Math.floor(random() * of.nodes.length)]
  const { lasts, onNode } = faultTable[fault]
  const [from, to] = lasts
  const lastsMs = Math.round(from + random() * (to - from))
  return { number: of.number, fault, ...(onNode && node !== undefined ? { node } : {}), lastsMs, choice: random() }
}

/** Fisher and Yates. */
const shuffled = <T>(values: readonly T[], random: () => number): readonly T[] => {
  const rest = [...values]
  return values.flatMap(() => rest.splice(Math.floor(random() * rest.length), 1))
}

/** Uniform numbers from 0 up to 1: mulberry32, begun at a mix of the words. */
const randomOf = (...words: readonly number[]): (() => number) => {
  let state = words.reduce((mixed, word) => Math.imul(mixed ^ (word + 0x9e3779b9), 0x85ebca6b) ^ (mixed >>> 13), 1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
