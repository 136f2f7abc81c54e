import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { asyncapi } from '../../scripts/generate-asyncapi.ts'
import { type Metric, nodeMetrics, podMetrics } from '../../src/core/nodes/metrics.ts'
import { parseTopic } from '../../src/wire/topic-names.ts'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

const page = read('docs/topics.md')

/** The cells of all rows of the table that begins with this head. */
const table = (after: string, head: string): readonly (readonly string[])[] => {
  const lines = page.slice(page.indexOf(after)).split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${head} |`))
  const rows = lines.slice(start + 2)
  return rows
    .slice(
      0,
      rows.findIndex(line => !line.startsWith('|')),
    )
    .map(line =>
      line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim().replaceAll('`', '')),
    )
}

t.test('the table of topics names every topic of the types, with its payload, and no other', async t => {
  const types = `${read('src/wire/topics.ts')}${read('src/wire/telemetry.ts')}`
  const typed = [...types.matchAll(/^ {2}readonly '([^']+)': (\w+)$/gm)].map(([, topic, type]) => `${topic} ${type}`)
  const documented = table('# Topics', 'topic').map(([topic = '', , payload]) => {
    const short = topic.replace(/^n\/<node>\//, '').replace(/^t\/<node>\/<device>\//, 't/')
    return `${short} ${payload}`
  })
  t.strictSame(documented.toSorted(), typed.toSorted())
  t.ok(typed.length >= 12)
})

t.test('every topic of the table is one that the code reads', async t => {
  for (const [topic = ''] of table('# Topics', 'topic')) {
    const full = `dunlin/1/f1/${topic.replace('<node>', 'attic').replace('<device>', 'node')}`
    t.ok(parseTopic('f1', full), full)
  }
})

t.test('the tables of metrics are those that the agent sends', async t => {
  const rows = (metrics: { readonly [metric: string]: Metric }): readonly (readonly string[])[] =>
    Object.entries(metrics).map(([metric, { unit, deadband, name }]) => [
      metric,
      unit,
      'share' in deadband ? `${deadband.share * 100} %` : String(deadband.absolute),
      name,
    ])
  t.strictSame(table('Metrics of `node`', 'metric'), rows(nodeMetrics))
  t.strictSame(table('Metrics of `pod.', 'metric'), rows(podMetrics))
})

t.test('asyncapi.yaml is what the types give', async t => {
  t.equal(read('docs/asyncapi.yaml'), asyncapi(), 'run: node scripts/generate-asyncapi.ts')
})
