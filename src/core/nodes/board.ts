import type { CardFacts, CardWear } from './card.ts'
import type { PiRevision } from './pi-revision.ts'

/** What stays the same of a board while it runs. What it does not say is absent. */
export interface BoardFacts {
  /** e.g. `Raspberry Pi 4 Model B Rev 1.4`. */
  readonly model?: string
  /** Of the board itself, and not of its card: the device tree's, or a PC's product id. */
  readonly serial?: string
  readonly revisionCode?: number
  readonly revision?: PiRevision
  /** The boot loader's own version, from Raspberry Pi 4 on. */
  readonly firmware?: {
    readonly version?: string
    /** Seconds since 1970. */
    readonly builtAt?: number
  }
  /** What the supply says that it can give, from Raspberry Pi 5 on. */
  readonly supplyMilliamps?: number
  readonly cards: readonly CardFacts[]
}

/** What changes of it. */
export interface BoardReading {
  /** The firmware's bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft temperature limit; +16: since boot. */
  readonly throttled?: number
  /** Where only the kernel's own driver says it: too little voltage now. */
  readonly isUnderVoltage?: boolean
  readonly cards: readonly CardWear[]
}

/** The firmware's word, from sysfs as hexadecimal digits with or without `0x`. */
export const parseThrottled = (text: string): number | undefined => {
  const digits = /^(?:0x)?([0-9a-f]{1,8})\s*$/i.exec(text)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 16)
}

/** Whether the board lacks voltage now; undefined where nothing says it. */
export const isUnderVoltage = (board: Pick<BoardReading, 'throttled' | 'isUnderVoltage'>): boolean | undefined =>
  board.throttled === undefined ? board.isUnderVoltage : (board.throttled & 1) !== 0 || board.isUnderVoltage === true

/** The labels by which pods may choose a board, and people find it; docs/boards.md tells each. */
export const boardLabelKeys = [
  'dunlin.io/model',
  'dunlin.io/serial',
  'dunlin.io/board',
  'dunlin.io/board-revision',
  'dunlin.io/revision-code',
  'dunlin.io/processor',
  'dunlin.io/board-memory',
  'dunlin.io/board-manufacturer',
  'dunlin.io/firmware',
  'dunlin.io/firmware-version',
  'dunlin.io/supply',
  'dunlin.io/card',
  'dunlin.io/card-type',
  'dunlin.io/card-manufacturer',
  'dunlin.io/card-date',
] as const
