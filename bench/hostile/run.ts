import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Outcome, playHostile } from './play.ts'

/*
 * npm run hostile [-- --scale short|full] [--seconds 20] [--only WORDS]
 * Prints a line an attack; with all of them at full scale, the raw figures go to bench/results/hostile-clients.json.
 */
const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: 'full' },
    seconds: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
})
const scale = values.scale === 'short' ? 'short' : 'full'
const folder = mkdtempSync(join(tmpdir(), 'dunlin-hostile-'))
const outcomes: Outcome[] = []

const ms = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '' : value.toFixed(0))
const whats = [
  'read',
  'write',
  'pod reaches its node',
  'new connection to the API',
  'new connection to the broker',
] as const

const row = (one: Outcome): string => {
  const honest = whats.map(what => {
    const of = one.honest[what]
    return of === undefined ? '' : `${ms(of.p50)} / ${ms(of.p99)}`
  })
  const { beforeMiB, mostMiB, afterMiB } = one.memory
  const failed = Object.values(one.honest).reduce((sum, of) => sum + of.failed, 0)
  const counted = Object.entries(one.counted).map(([metric, by]) => `\`${metric}\` ${by.toFixed(0)}`)
  const memory = `${ms(beforeMiB)} / ${ms(mostMiB)} / ${ms(afterMiB)}`
  return `| ${[`${one.attack}: ${one.count}`, counted.join(', '), memory, ...honest, failed].join(' | ')} |`
}

console.log(
  `| attack | counted | MiB before / most / after | ${whats.join(', p50 / p99 ms | ')}, p50 / p99 ms | failed |\n|${'---|'.repeat(9)}`,
)
try {
  await playHostile({
    folder,
    scale,
    seconds: Number(values.seconds),
    only: values.only,
    told(outcome) {
      outcomes.push(outcome)
      console.log(row(outcome))
      for (const failure of new Set(outcome.failures)) console.error(`  ${failure}`)
    },
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (scale === 'full' && values.only === undefined) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version }
  const result = { date: new Date().toISOString(), machine, outcomes }
  writeFileSync(
    fileURLToPath(new URL('../results/hostile-clients.json', import.meta.url)),
    `${JSON.stringify(result, null, 1)}\n`,
  )
}
