/** What a Raspberry Pi's revision code says of its board. */
export interface PiRevision {
  /** As the maker writes it: `4B`, `Zero 2 W`, `CM4`. */
  readonly board: string
  /** `1.4` */
  readonly revision: string
  readonly processor: string
  readonly memoryMebibytes: number
  readonly manufacturer: string
}

/*
 * NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR: F new style, M memory, C manufacturer, P processor, T type, R revision.
 * Raspberry Pi documentation, "Raspberry Pi revision codes".
 */

const boards: { readonly [type: number]: string } = {
  0: 'A',
  1: 'B',
  2: 'A+',
  3: 'B+',
  4: '2B',
  5: 'Alpha',
  6: 'CM1',
  8: '3B',
  9: 'Zero',
  10: 'CM3',
  12: 'Zero W',
  13: '3B+',
  14: '3A+',
  16: 'CM3+',
  17: '4B',
  18: 'Zero 2 W',
  19: '400',
  20: 'CM4',
  21: 'CM4S',
  23: '5',
  24: 'CM5',
  25: '500',
  26: 'CM5 Lite',
}

const processors: readonly string[] = ['BCM2835', 'BCM2836', 'BCM2837', 'BCM2711', 'BCM2712']
const manufacturers: readonly string[] = ['Sony UK', 'Egoman', 'Embest', 'Sony Japan', 'Embest', 'Stadium']

/**
 * Decodes a new-style code; undefined for one of the old style (the first boards, which no agent runs on) and for 0.
 * A part that came after this was written is told by its number.
 *
 * @example piRevision(0xc03114) // { board: '4B', revision: '1.4', processor: 'BCM2711', memoryMebibytes: 4096, … }
 */
export const piRevision = (code: number): PiRevision | undefined => {
  const bits = (from: number, count: number): number => (code >>> from) & ((1 << count) - 1)
  if (bits(23, 1) === 0) return undefined
  return {
    board: boards[bits(4, 8)] ?? `type ${bits(4, 8)}`,
    revision: `1.${bits(0, 4)}`,
    processor: processors[bits(12, 4)] ?? `processor ${bits(12, 4)}`,
    memoryMebibytes: 256 << bits(20, 3),
    manufacturer: manufacturers[bits(16, 4)] ?? `manufacturer ${bits(16, 4)}`,
  }
}
