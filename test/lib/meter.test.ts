import t from 'tap'
import { exposition, type Family, familyOf, inChunks } from '../../src/lib/exposition.ts'
import { meterOf } from '../../src/lib/meter.ts'
import { readExposition, valueIn } from '../support/exposition.ts'
import fc from '../support/fast-check.ts'

const table = {
  jobs_total: { type: 'counter', labels: ['queue', 'result'], help: 'Jobs done.' },
  depth: { type: 'gauge', labels: [], help: 'Jobs that wait.' },
  took_seconds: { type: 'histogram', labels: ['queue'], buckets: [0.1, 1, 10], help: 'How long they took.' },
} as const

const textOf = (meter: { families(): Iterable<Family> }) => [...exposition(meter.families())].join('')

t.test('what is counted is what is read, in the order of the table', async t => {
  const meter = meterOf(table)
  const jobs = meter.counter('jobs_total')
  const took = meter.histogram('took_seconds')
  meter.read('depth', () => [[[], 7]])
  jobs(['mail', 'ok'])
  jobs(['mail', 'ok'], 2)
  jobs(['mail', 'failed'])
  for (const value of [0.05, 0.1, 0.5, 100]) took(['mail'], value)
  t.matchOnly(textOf(meter).split('\n'), [
    '# HELP jobs_total Jobs done.',
    '# TYPE jobs_total counter',
    'jobs_total{queue="mail",result="ok"} 3',
    'jobs_total{queue="mail",result="failed"} 1',
    '# HELP depth Jobs that wait.',
    '# TYPE depth gauge',
    'depth 7',
    '# HELP took_seconds How long they took.',
    '# TYPE took_seconds histogram',
    'took_seconds_bucket{queue="mail",le="0.1"} 2',
    'took_seconds_bucket{queue="mail",le="1"} 3',
    'took_seconds_bucket{queue="mail",le="10"} 3',
    'took_seconds_bucket{queue="mail",le="+Inf"} 4',
    'took_seconds_sum{queue="mail"} 100.65',
    'took_seconds_count{queue="mail"} 4',
    '',
  ])
})

t.test('a counter without labels is 0 before anything happened', async t => {
  const meter = meterOf({ lost_total: { type: 'counter', labels: [], help: 'Lost.' } } as const)
  meter.counter('lost_total')
  t.match(textOf(meter), /^lost_total 0$/m)
})

t.test('a metric that nobody counts is known as unused', async t => {
  const meter = meterOf(table)
  meter.counter('jobs_total')
  t.strictSame(meter.unused(), ['depth', 'took_seconds'])
})

t.test('labels that a client could multiply end in one series for all others', async t => {
  const meter = meterOf(table)
  const jobs = meter.counter('jobs_total')
  for (let count = 0; count < 5000; count += 1) jobs([`queue-${count}`, 'ok'])
  const families = readExposition(textOf(meter))
  t.equal(families.get('jobs_total')?.series.size, 2001)
  t.equal(valueIn(families, 'jobs_total', { queue: 'other', result: 'other' }), 3000)
})

t.test('whatever stands in a label or a help is read back as it was', async t => {
  const anything = fc.string({ unit: 'binary', maxLength: 20 })
  fc.assert(
    fc.property(anything, fc.double(), (value, number) => {
      const family = familyOf('x', { type: 'gauge', labels: ['one', 'two'], help: `a\\b\nc` }, () => [
        [[value, 'plain'], number],
      ])
      const families = readExposition([...exposition([family])].join(''))
      const [[key, read] = ['', Number.NaN]] = families.get('x')?.series ?? []
      t.equal(key, `x{one=${JSON.stringify(value)},two="plain"}`)
      t.ok(Object.is(read, number) || read === number)
    }),
  )
})

t.test('a long exposition comes in chunks, whole', async t => {
  function* lines() {
    for (let count = 0; count < 20_000; count += 1) yield `line ${count}\n`
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of inChunks(lines())) chunks.push(chunk)
  t.ok(chunks.length >= 3)
  t.ok(chunks.every(one => one.length < 70_000))
  t.equal(Buffer.concat(chunks).toString(), [...lines()].join(''))
})
