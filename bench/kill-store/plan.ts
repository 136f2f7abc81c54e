/** Uniform numbers from 0 up to 1, the same for the same seed: mulberry32. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What the store does besides writing when it is killed. */
export const occasions = ['opening', 'writing', 'compacting', 'backing up'] as const
export type Occasion = (typeof occasions)[number]

/** One life of the writers, and when it ends. */
export interface Life {
  readonly round: number
  readonly occasion: Occasion
  readonly writers: number
  /** Killed so long after it began to open the store; or else after so many acknowledged writes. */
  readonly killAfterMs?: number
  readonly killAfterWrites?: number
}

/** What happens in that round, by the seed alone. */
export const planLife = (seed: number, round: number): Life => {
  const random = randomFrom(seed * 1_000_003 + round)
  const occasion = occasions[Math.floor(random() * occasions.length)] ?? 'writing'
  const writers = 1 + Math.floor(random() ** 2 * 64)
  const soon = Math.floor(random() ** 2 * 200)
  const later = 1 + Math.floor(random() ** 2 * 1500)
  return { round, occasion, writers, ...(occasion === 'opening' ? { killAfterMs: soon } : { killAfterWrites: later }) }
}

/** The value that goes with a tag: it says itself how it must look to be whole. */
export const wholeValue = (tag: string, bytes: number): Buffer => {
  const head = `${tag}|${bytes}|`
  return Buffer.from(head.padEnd(bytes, `${tag} `))
}

/** The tag of a value, or undefined where the value is not whole. */
export const tagOf = (value: Uint8Array): string | undefined => {
  const text = Buffer.from(value).toString('utf8')
  const [tag = '', bytes = ''] = text.split('|', 2)
  return /^\d+$/.test(bytes) && wholeValue(tag, Number(bytes)).equals(value) ? tag : undefined
}
