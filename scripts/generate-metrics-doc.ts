import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hubMetrics } from '../src/hub/metrics/hub-metrics.ts'
import { nodeSeries } from '../src/hub/metrics/node-series.ts'
import { stateMetrics } from '../src/hub/metrics/state-metrics.ts'
import type { MetricTable } from '../src/lib/exposition.ts'

/** The tables of docs/metrics.md, by the path that shows their metrics. */
export const metricTables: { readonly [path: string]: MetricTable } = {
  '/metrics': hubMetrics,
  '/metrics/state': stateMetrics,
  '/metrics/nodes': nodeSeries,
}

/** The page with its tables written anew: each stands under the heading that names its path. */
export const withTables = (page: string): string =>
  Object.entries(metricTables).reduce((text, [path, table]) => {
    const after = text.indexOf(`\n## \`${path}\``)
    const start = text.indexOf('\n| metric |', after)
    const end = text.indexOf('\n\n', start)
    return `${text.slice(0, start)}\n${tableText(table)}${text.slice(end)}`
  }, page)

const tableText = (table: MetricTable): string =>
  [
    '| metric | type | labels | what |',
    '|---|---|---|---|',
    ...Object.entries(table).map(
      ([name, { type, labels = [], help }]) =>
        `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(' ')} | ${help.replaceAll('|', '\\|')} |`,
    ),
  ].join('\n')

if (import.meta.main) {
  const path = fileURLToPath(new URL('../docs/metrics.md', import.meta.url))
  writeFileSync(path, withTables(readFileSync(path, 'utf8')))
}
