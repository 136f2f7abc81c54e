import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { TerminalSize } from '../ports.ts'

/** One size is about 30 bytes of JSON. */
const mostSizeBytes = 256

/** Nobody drags a window's corner faster than that. */
const mostSizesInASecond = 1000

/** Between two sizes that the node is told. */
const paceMs = 20

const mostCells = 65_535

/**
 * Reads sizes out of the bytes of a resize channel: JSON objects one after another, however they are cut.
 * A size of nothing is left out, as in Kubernetes.
 *
 * @throws Fault Malformed when they are not `{"Width":80,"Height":24}`
 * @example const read = sizeReader(); for (const size of read(chunk)) …
 */
export const sizeReader = (): ((bytes: Uint8Array) => readonly TerminalSize[]) => {
  let text = ''
  return bytes => {
    const sizes: TerminalSize[] = []
    text += Buffer.from(bytes).toString('latin1')
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = parseSize(text.slice(0, end + 1))
      if (size.columns > 0 && size.rows > 0) sizes.push(size)
      text = text.slice(end + 1)
    }
    if (text.length > mostSizeBytes) throw notASize(text)
    return sizes
  }
}

const parseSize = (text: string): TerminalSize => {
  if (text.length > mostSizeBytes) throw notASize(text)
  const value = jsonOf(text)
  if (value === null || typeof value !== 'object') throw notASize(text)
  // As Go reads it: names in any case, absent is 0.
  const fields = new Map(Object.entries(value).map(([name, one]: [string, unknown]) => [name.toLowerCase(), one]))
  const cells = (name: string): number => {
    const found = fields.get(name) ?? 0
    if (typeof found === 'number' && Number.isInteger(found) && found >= 0 && found <= mostCells) return found
    throw notASize(text)
  }
  return { columns: cells('width'), rows: cells('height') }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notASize(text, error)
  }
}

const notASize = (text: string, cause?: unknown): Fault =>
  new Fault(
    'Malformed',
    `not a terminal's size: ${JSON.stringify(text.slice(0, 40))}; {"Width":80,"Height":24} is one`,
    {},
    cause,
  )

/**
 * Tells sizes on at a pace: the first at once, then the newest of those that came meanwhile, fifty times a second.
 *
 * @returns takes a size. @throws Fault TooManyRequests above a thousand in a second
 */
export const paceSizes = (of: {
  readonly resize: (size: TerminalSize) => void
  readonly clock: Clock
}): { take(size: TerminalSize): void; stop(): void } => {
  const { clock } = of
  let next: TerminalSize | undefined
  let isWaiting = false
  let secondBegan = clock.monotonic()
  let inThisSecond = 0
  let cancel = (): void => {}
  const tell = (): void => {
    isWaiting = next !== undefined
    if (next === undefined) return
    const size = next
    next = undefined
    of.resize(size)
    cancel = clock.after(paceMs, tell)
  }
  return {
    take(size) {
      const now = clock.monotonic()
      if (now - secondBegan >= 1000) {
        secondBegan = now
        inThisSecond = 0
      }
      inThisSecond += 1
      if (inThisSecond > mostSizesInASecond)
        throw new Fault('TooManyRequests', `more than ${mostSizesInASecond} sizes of the terminal within a second`)
      next = size
      if (!isWaiting) tell()
    },
    stop: () => cancel(),
  }
}
