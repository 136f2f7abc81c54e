import { StringDecoder } from 'node:string_decoder'
import type { TerminalSize } from './talk.ts'

/** A recording of a terminal that asciinema plays: asciicast v2, one JSON value a line. */
export interface Asciicast {
  /** What the terminal shows. Whole characters only: the bytes of one may come in two chunks. */
  output(bytes: Uint8Array): void
  resize(size: TerminalSize): void
  close(): void
}

/**
 * Writes the lines of a recording. What is typed is not in it: it may be a password.
 *
 * @see https://docs.asciinema.org/manual/asciicast/v2/
 * @example const cast = asciicast({ size, write: line => file.write(line), now: Date.now, title: 'barn', term: 'xterm' })
 */
export const asciicast = (of: {
  readonly size: TerminalSize
  readonly write: (line: string) => void
  /** ms since 1970 */
  readonly now: () => number
  readonly title: string
  readonly term: string
}): Asciicast => {
  const started = of.now()
  const decoder = new StringDecoder('utf8')
  const event = (code: 'o' | 'r', text: string): void => {
    if (text !== '') of.write(`${JSON.stringify([Math.max(0, of.now() - started) / 1000, code, text])}\n`)
  }
  const { columns: width, rows: height } = of.size
  const timestamp = Math.floor(started / 1000)
  of.write(`${JSON.stringify({ version: 2, width, height, timestamp, title: of.title, env: { TERM: of.term } })}\n`)
  return {
    output: bytes => event('o', decoder.write(Buffer.from(bytes))),
    resize: size => event('r', `${size.columns}x${size.rows}`),
    close: () => event('o', decoder.end()),
  }
}
