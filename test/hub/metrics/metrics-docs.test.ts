import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { metricTables, withTables } from '../../../scripts/generate-metrics-doc.ts'
import type { MetricMeaning } from '../../../src/lib/exposition.ts'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

t.test('docs/metrics.md has every metric of the code and no other', async t => {
  const page = read('docs/metrics.md')
  t.equal(page, withTables(page), 'node scripts/generate-metrics-doc.ts writes its tables')
  for (const table of Object.values(metricTables)) {
    for (const name of Object.keys(table)) t.ok(page.includes(`\n| \`${name}\` |`), name)
  }
})

const meanings = new Map<string, MetricMeaning>(Object.values(metricTables).flatMap(table => Object.entries(table)))

t.test('names and units are as Prometheus wants them', async t => {
  for (const [name, { type, help, labels = [], buckets = [] }] of meanings) {
    t.match(name, /^[a-z][a-zA-Z0-9_]*[a-z0-9]$/, name)
    t.equal(type === 'counter', name.endsWith('_total') || name === 'authentication_attempts', name)
    if (type === 'histogram') t.match(name, /_seconds$/, name)
    t.match(help, /\.$/, `${name} is described by a sentence`)
    t.equal(new Set(labels).size, labels.length, name)
    t.notOk(labels.includes('le'), name)
    t.strictSame(
      buckets.toSorted((a, b) => a - b),
      buckets,
      name,
    )
  }
})

/** Every string of the dashboard that is a query. */
const queriesOf = (value: unknown): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap(queriesOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    (key === 'expr' || key === 'query' || key === 'definition') && typeof inner === 'string'
      ? [inner]
      : queriesOf(inner),
  )
}

/** The metrics of a query, with the labels that it selects or groups by. */
const metricsOf = (query: string): readonly { readonly name: string; readonly labels: readonly string[] }[] =>
  [...query.matchAll(/\b([a-z][a-zA-Z0-9]*(?:_[a-zA-Z0-9]+)+)\b(?!\s*\()(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => !functions.includes(name) && !name.startsWith('$'))
    .map(([, name = '', inside = '']) => ({
      name,
      labels: [...inside.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)/g)].map(([, label = '']) => label),
    }))

const functions = ['histogram_quantile', 'label_values', 'group_left']

t.test('the dashboard asks only for metrics and labels that exist', async t => {
  const dashboard: unknown = JSON.parse(read('docs/grafana-dashboard.json'))
  // The variable that names the data source asks for nothing.
  const queries = queriesOf(dashboard).filter(query => query !== 'prometheus')
  t.ok(queries.length >= 30)
  for (const query of queries) {
    const labelNames = [...query.matchAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
      list.split(',').map(label => label.trim()),
    )
    const bare = query.replaceAll(/\b(?:by|without|on)\s*\([^)]*\)/g, '').replace(/, ?[a-z_]+\)$/, ')')
    const found = metricsOf(bare)
    t.ok(found.length > 0, query)
    const known = new Set<string>()
    for (const { name, labels } of found) {
      const base = meanings.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
      const meaning = meanings.get(base)
      if (!t.ok(meaning !== undefined, `${name} in ${query}`)) continue
      const has = new Set([...(meaning?.labels ?? []), 'job', 'instance', ...(base === name ? [] : ['le'])])
      for (const label of has) known.add(label)
      for (const label of labels) t.ok(has.has(label), `${name} has no label ${label}: ${query}`)
      if (meaning?.type === 'counter') t.match(query, /(rate|increase)\(/, `${name} is a counter: ${query}`)
    }
    for (const label of labelNames) t.ok(known.has(label), `nothing has the label ${label}: ${query}`)
  }
})

t.test('the dashboard is whole: panels have their places, ids and sources', async t => {
  const dashboard = JSON.parse(read('docs/grafana-dashboard.json')) as {
    readonly panels: readonly { readonly id: number; readonly title: string; readonly gridPos: object }[]
    readonly templating: { readonly list: readonly { readonly name: string }[] }
  }
  const ids = dashboard.panels.map(panel => panel.id)
  t.equal(new Set(ids).size, ids.length)
  for (const panel of dashboard.panels)
    t.match(panel, { title: /\S/, gridPos: { x: Number, y: Number, w: Number, h: Number } })
  const variables = dashboard.templating.list.map(one => one.name)
  for (const [, name = ''] of read('docs/grafana-dashboard.json').matchAll(/\$\{?([a-z_]+)/g))
    t.ok(variables.includes(name) || name === '__rate_interval' || name.startsWith('__'), name)
})
