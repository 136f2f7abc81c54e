/** What a metric means; tables of these are the only place where one gets its name. */
export interface MetricMeaning {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** One sentence. */
  readonly help: string
  readonly labels?: readonly string[]
  /** Upper bounds of a histogram's buckets, growing, without the last, +Inf. */
  readonly buckets?: readonly number[]
}

export type MetricTable = { readonly [name: string]: MetricMeaning }

/** Label values in the order of the metric's labels, and the value. */
export type Sample = readonly [labels: readonly string[], value: number]

/** A metric with all its series, made when somebody asks. */
export interface Family {
  readonly name: string
  readonly meaning: MetricMeaning
  lines(): Iterable<string>
}

/** What Prometheus wants to hear. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** A family whose samples are read when they are written. */
export const familyOf = (name: string, meaning: MetricMeaning, samples: () => Iterable<Sample>): Family => ({
  name,
  meaning,
  *lines() {
    for (const [labels, value] of samples()) yield sampleLine(name, meaning.labels ?? [], labels, value)
  },
})

/**
 * Families in Prometheus' text format 0.0.4, line by line.
 *
 * @example [...exposition([familyOf('up', { type: 'gauge', help: 'Up.' }, () => [[[], 1]])])].join('')
 */
export function* exposition(families: Iterable<Family>): Generator<string> {
  for (const { name, meaning, lines } of families) {
    yield `# HELP ${name} ${meaning.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${meaning.type}\n`
    yield* lines()
  }
}

/** One line: `name{label="value"} 1`. */
export const sampleLine = (
  name: string,
  labels: readonly string[],
  values: readonly string[],
  value: number,
): string => {
  if (labels.length === 0) return `${name} ${numberText(value)}\n`
  const pairs = labels.map((label, index) => `${label}="${escaped(values[index] ?? '')}"`)
  return `${name}{${pairs.join(',')}} ${numberText(value)}\n`
}

const escaped = (value: string): string =>
  /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value

export const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)

const chunkLength = 64 * 1024

/**
 * The lines in chunks of some 64 KiB, with a turn of the event loop after each, so that a long scrape holds up nobody.
 */
export async function* inChunks(lines: Iterable<string>): AsyncGenerator<Uint8Array> {
  let text = ''
  for (const line of lines) {
    text += line
    if (text.length < chunkLength) continue
    yield Buffer.from(text)
    text = ''
    await new Promise(resolve => setImmediate(resolve))
  }
  if (text !== '') yield Buffer.from(text)
}
