/** A strict reader of Prometheus' text format 0.0.4: whatever a scraper might stumble over is an error here. */
export interface ReadFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly series: ReadonlyMap<string, number>
}

const nameForm = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelForm = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const types = ['counter', 'gauge', 'histogram']

/** @throws Error that names the line */
export const readExposition = (text: string): ReadonlyMap<string, ReadFamily> => {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, ReadFamily & { readonly series: Map<string, number> }>()
  let help: { readonly name: string; readonly text: string } | undefined
  let current: (ReadFamily & { readonly series: Map<string, number> }) | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const wrong = (why: string): Error => new Error(`${why}: ${line}`)
    if (line.startsWith('# HELP ')) {
      const [, name = '', words = ''] = /^# HELP (\S+) (.+)$/.exec(line) ?? []
      if (!nameForm.test(name) || words === '') throw wrong('no HELP')
      if (words.replaceAll(/\\[\\n]/g, '').includes('\\')) throw wrong('an escape that is none')
      help = { name, text: words }
      continue
    }
    if (line.startsWith('#')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (\w+)$/.exec(line) ?? []
      if (!types.includes(type)) throw wrong('no TYPE')
      if (help?.name !== name) throw wrong('a TYPE that does not follow its HELP')
      if (families.has(name)) throw wrong('a family for the second time')
      if (type === 'counter' && !name.endsWith('_total') && !knownCounters.includes(name))
        throw wrong('a counter without _total')
      if (type !== 'counter' && name.endsWith('_total')) throw wrong('_total, and no counter')
      current = { name, type, help: help.text, series: new Map() }
      families.set(name, current)
      continue
    }
    const sample = readSample(line)
    if (sample === undefined) throw wrong('no sample')
    const base = current?.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name
    if (current === undefined || base !== current.name) throw wrong('a sample outside of its family')
    if (current.type === 'histogram' && base === sample.name) throw wrong('a histogram has no such sample')
    const key = `${sample.name}{${sample.labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`
    if (current.series.has(key)) throw wrong('a series for the second time')
    if (new Set(sample.labels.map(([name]) => name)).size < sample.labels.length) throw wrong('a label twice')
    if (current.type === 'counter' && !(sample.value >= 0)) throw wrong('a counter below 0')
    current.series.set(key, sample.value)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkBuckets(family)
  return families
}

/** Kubernetes' own, named before the rule. */
const knownCounters = ['authentication_attempts']

interface ReadSample {
  readonly name: string
  readonly labels: readonly (readonly [string, string])[]
  readonly value: number
}

const readSample = (line: string): ReadSample | undefined => {
  const [, name = '', , inner = '', number = ''] = /^([^{ ]+)(\{([\s\S]*)\})? (\S+)$/.exec(line) ?? []
  if (!nameForm.test(name) || !/^([+-]?(Inf|\d+(\.\d+)?(e[+-]?\d+)?)|NaN)$/.test(number)) return undefined
  const labels: (readonly [string, string])[] = []
  let rest = inner
  while (rest !== '') {
    const [whole = '', label = '', value = ''] = /^([^=]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?!$)|$)/.exec(rest) ?? []
    if (whole === '' || !labelForm.test(label)) return undefined
    labels.push([label, value.replaceAll(/\\([\s\S])/g, (_, one: string) => (one === 'n' ? '\n' : one))])
    rest = rest.slice(whole.length)
  }
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) }
}

/** Buckets grow, the last is +Inf and equal to the count, and there is a sum. */
const checkBuckets = ({ name, series }: ReadFamily): void => {
  const groups = new Map<string, { bounds: number[]; counts: number[] }>()
  for (const [key, count] of series) {
    const [, labels = '', bound = ''] = new RegExp(`^${name}_bucket\\{(.*?),?le="([^"]+)"\\}$`).exec(key) ?? []
    if (bound === '') continue
    const group = groups.get(labels) ?? { bounds: [], counts: [] }
    group.bounds.push(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound))
    group.counts.push(count)
    groups.set(labels, group)
  }
  for (const [labels, { bounds, counts }] of groups) {
    const grows = (list: readonly number[]): boolean => list.every((one, at) => at === 0 || one >= (list[at - 1] ?? 0))
    if (!grows(bounds) || !grows(counts)) throw new Error(`the buckets of ${name}{${labels}} do not grow`)
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}{${labels}} has no last bucket`)
    if (series.get(`${name}_count{${labels}}`) !== counts.at(-1)) throw new Error(`${name}{${labels}} counts otherwise`)
    if (!series.has(`${name}_sum{${labels}}`)) throw new Error(`${name}{${labels}} has no sum`)
  }
}

/** The value of a series, e.g. `valueIn(families, 'jobs_total', { queue: 'mail' })`; the sum where several match. */
export const valueIn = (
  families: ReadonlyMap<string, ReadFamily>,
  name: string,
  labels: { readonly [label: string]: string } = {},
): number | undefined => {
  const family = families.get(name)
  const wanted = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  const found = [...(family?.series ?? [])].filter(([key]) => wanted.every(one => key.includes(one)))
  return found.length === 0 ? undefined : found.reduce((sum, [, value]) => sum + value, 0)
}
