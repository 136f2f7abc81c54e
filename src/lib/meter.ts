import {
  type Family,
  familyOf,
  type MetricMeaning,
  type MetricTable,
  numberText,
  type Sample,
  sampleLine,
} from './exposition.ts'

/** Series of one metric; what comes above it is counted in one series whose labels all say `other`. */
const mostSeries = 2000

type Names<Table extends MetricTable, Type extends MetricMeaning['type']> = {
  [Name in keyof Table & string]: Table[Name]['type'] extends Type ? Name : never
}[keyof Table & string]

/** One string for each label of the metric. */
type Labels<Meaning extends MetricMeaning> = Meaning extends { readonly labels: infer Named extends readonly string[] }
  ? { readonly [Index in keyof Named]: string }
  : readonly []

/**
 * Counts what happens, for whoever asks later. Nothing runs by itself: counting is an addition, and what can be read
 * is read when it is asked for.
 */
export interface Meter<Table extends MetricTable> {
  /** How to add to a counter, or to move a gauge: by 1 where nothing else is said. */
  counter<Name extends Names<Table, 'counter' | 'gauge'>>(
    name: Name,
  ): (labels: Labels<Table[Name]>, by?: number) => void
  /** How to put one more value into a histogram. */
  histogram<Name extends Names<Table, 'histogram'>>(name: Name): (labels: Labels<Table[Name]>, value: number) => void
  /** Where the samples of a metric are found when somebody asks. No two sources may have the same labels. */
  read(name: Names<Table, 'counter' | 'gauge'>, samples: () => Iterable<Sample>): void
  /** In the order of the table. */
  families(): Iterable<Family>
  /** Names of the table that nobody has asked to count, observe or read. */
  unused(): readonly string[]
}

interface Series {
  readonly labels: readonly string[]
  value: number
}

interface Distribution {
  readonly labels: readonly string[]
  /** How many fell into each bucket, +Inf last. */
  readonly counts: number[]
  sum: number
}

/**
 * @example const meter = meterOf({ jobs_total: { type: 'counter', labels: ['queue'], help: 'Jobs done.' } })
 *          const done = meter.counter('jobs_total')
 *          done(['mail'])
 */
export const meterOf = <const Table extends MetricTable>(table: Table): Meter<Table> => {
  const series = new Map<string, Shelf<Series>>()
  const distributions = new Map<string, Shelf<Distribution>>()
  const readers = new Map<string, (() => Iterable<Sample>)[]>()

  function* samplesOf(name: string): Generator<Sample> {
    for (const { labels, value } of series.get(name)?.values() ?? []) yield [labels, value]
    for (const read of readers.get(name) ?? []) yield* read()
  }

  return {
    counter(name) {
      const shelf = series.get(name) ?? shelfOf(labels => ({ labels, value: 0 }))
      series.set(name, shelf)
      // What has no labels is 0 from the start, so that its first increase is seen.
      if ((table[name]?.labels ?? []).length === 0) shelf.at([])
      return (labels, by = 1) => {
        shelf.at(labels).value += by
      }
    },
    histogram(name) {
      const { buckets = [] }: MetricMeaning = table[name] ?? { type: 'histogram', help: '' }
      const shelf =
        distributions.get(name) ??
        shelfOf(labels => ({ labels, counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 }))
      distributions.set(name, shelf)
      return (labels, value) => {
        const one = shelf.at(labels)
        let bucket = 0
        while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket += 1
        one.counts[bucket] = (one.counts[bucket] ?? 0) + 1
        one.sum += value
      }
    },
    read(name, samples) {
      readers.set(name, [...(readers.get(name) ?? []), samples])
    },
    *families() {
      for (const [name, meaning] of Object.entries<MetricMeaning>(table)) {
        yield meaning.type === 'histogram'
          ? distributionFamily(name, meaning, distributions.get(name)?.values() ?? [])
          : familyOf(name, meaning, () => samplesOf(name))
      }
    },
    unused: () =>
      Object.keys(table).filter(name => !series.has(name) && !distributions.has(name) && !readers.has(name)),
  }
}

/** Series by their labels; bounded. */
interface Shelf<One> {
  at(labels: readonly string[]): One
  values(): Iterable<One>
}

const shelfOf = <One>(make: (labels: readonly string[]) => One): Shelf<One> => {
  const all = new Map<string, One>()
  const put = (key: string, labels: readonly string[]): One => {
    const one = make(labels)
    all.set(key, one)
    return one
  }
  return {
    at(labels) {
      const key = labels.join('\n')
      const known = all.get(key)
      if (known !== undefined) return known
      if (all.size < mostSeries) return put(key, [...labels])
      const others = labels.map(() => 'other')
      return all.get(others.join('\n')) ?? put(others.join('\n'), others)
    },
    values: () => all.values(),
  }
}

const distributionFamily = (name: string, meaning: MetricMeaning, all: Iterable<Distribution>): Family => ({
  name,
  meaning,
  *lines() {
    const labels = meaning.labels ?? []
    for (const of of all) {
      let sum = 0
      for (const [index, count] of of.counts.entries()) {
        sum += count
        const bound = numberText(meaning.buckets?.[index] ?? Number.POSITIVE_INFINITY)
        yield sampleLine(`${name}_bucket`, [...labels, 'le'], [...of.labels, bound], sum)
      }
      yield sampleLine(`${name}_sum`, labels, of.labels, of.sum)
      yield sampleLine(`${name}_count`, labels, of.labels, sum)
    }
  },
})
