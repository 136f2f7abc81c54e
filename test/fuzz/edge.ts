import type fc from 'fast-check'
import { bytes, jsonTexts, largeBytes, largeTexts, texts } from './hostile.ts'

/** A parser where something comes in from outside, with what is fed to it. */
export interface Edge {
  readonly name: string
  /** `file.ts name` of each parser that it covers, below src/. */
  readonly covers: readonly string[]
  /** Inputs that are fine. */
  readonly samples: readonly unknown[]
  readonly inputs: fc.Arbitrary<unknown>
  readonly large: readonly unknown[]
  parse(input: unknown): unknown
  /** Faults are always right. These as well, where whoever calls it makes a Fault of them; it says who. */
  readonly alsoThrows?: { readonly type: 'RangeError' | 'SyntaxError'; readonly caughtBy: string }
}

interface Options {
  /** Whoever calls it takes no longer text. */
  readonly mostText?: number
  readonly alsoThrows?: Edge['alsoThrows']
}

/** A parser of text. */
export const textEdge = (
  name: string,
  covers: readonly string[],
  samples: readonly string[],
  parse: (text: string) => unknown,
  options: Options = {},
): Edge => ({
  name,
  covers,
  samples,
  inputs: texts(samples),
  large: largeTexts(samples).map(one => one.slice(0, options.mostText)),
  parse: input => parse(String(input)),
  ...options,
})

/** A parser of JSON text; the samples are values. */
export const jsonEdge = (
  name: string,
  covers: readonly string[],
  samples: readonly unknown[],
  parse: (text: string) => unknown,
  options: Options = {},
): Edge => {
  const written = samples.map(sample => JSON.stringify(sample))
  return {
    name,
    covers,
    samples: written,
    inputs: jsonTexts(samples),
    large: largeTexts(written).map(one => one.slice(0, options.mostText)),
    parse: input => parse(String(input)),
    ...options,
  }
}

/** A parser of bytes. */
export const bytesEdge = (
  name: string,
  covers: readonly string[],
  samples: readonly Uint8Array[],
  parse: (bytes: Buffer) => unknown,
  options: Options = {},
): Edge => ({
  name,
  covers,
  samples,
  inputs: bytes(samples),
  large: largeBytes(samples),
  parse: input => parse(Buffer.isBuffer(input) ? input : Buffer.from(input instanceof Uint8Array ? input : [])),
  ...options,
})
