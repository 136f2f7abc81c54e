import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ownWorld } from '../../test/fleet/own-world.ts'
import { type FaultName, faultNames } from './faults.ts'
import { writeTable } from './write-table.ts'

/*
 * npm run faults -- --rounds 200 --seed 1 [--from N] [--only FAULT,FAULT] [--results FILE]: rounds of harm to a real fleet.
 * npm run faults -- --table: writes the table of docs/reliability.md from the raw results.
 */
const root = fileURLToPath(new URL('../../', import.meta.url))
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
    only: { type: 'string' },
    results: { type: 'string', default: join(root, 'bench/results/faults.jsonl') },
    table: { type: 'boolean', default: false },
  },
})
if (values.table) {
  writeTable({ results: values.results, page: join(root, 'docs/reliability.md') })
  process.exit(0)
}
const only: readonly FaultName[] | undefined = values.only?.split(',').map(name => {
  const found = faultNames.find(one => one === name.trim())
  if (found === undefined) throw new Error(`there is no fault "${name}"; there are: ${faultNames.join(', ')}`)
  return found
})

const world = ownWorld(import.meta.filename)
const { runRounds } = await import('./run-rounds.ts')
const commit = execFileSync('git', ['-C', root, 'describe', '--always', '--dirty=+'], { encoding: 'utf8' }).trim()
const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`
mkdirSync(join(values.results, '..'), { recursive: true })
let broken = 0
await runRounds({
  world,
  seed: Number(values.seed),
  from: Number(values.from),
  rounds: Number(values.rounds),
  ...(only === undefined ? {} : { only }),
  onResult(result, story) {
    const line = { ...result, seed: Number(values.seed), date: new Date().toISOString(), commit, machine }
    appendFileSync(values.results, `${JSON.stringify(line)}\n`)
    const time = result.convergedMs === undefined ? 'never' : `${(result.convergedMs / 1000).toFixed(1)} s`
    process.stdout.write(
      `${result.round} ${result.fault}${result.node === undefined ? '' : ` (${result.node})`}: harm ${(result.harmMs / 1000).toFixed(1)} s, right after ${time}, requests ${result.requests.answered} + ${result.requests.failed} failed\n`,
    )
    for (const one of result.findings) process.stdout.write(`  ${one.finding}: ${one.what}\n`)
    if (result.findings.length === 0) return
    broken += 1
    const path = `/tmp/dunlin-faults-${values.seed}-${result.round}.log`
    writeFileSync(path, story())
    process.stdout.write(`  what hub and agents said: ${path}\n`)
  },
})
process.stdout.write(`${broken} rounds with findings\n`)
process.exit(broken === 0 ? 0 : 1)
