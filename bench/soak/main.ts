import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ownWorld } from '../../test/fleet/own-world.ts'

/** npm run soak -- --minutes 60: prints on the way, then the tables; the raw figures go to bench/results/soak.json. */
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } })
const minutes = Number(values.minutes)
if (!(minutes >= 5)) {
  process.stderr.write(`--minutes ${values.minutes}: expected a number from 5, as figures of less say nothing\n`)
  process.exit(2)
}
const world = ownWorld(import.meta.filename)
const { soak } = await import('./soak.ts')
const { soakTables } = await import('./table.ts')
const plan = {
  warmUpSeconds: minutes * 3,
  settleSeconds: minutes,
  // Two times 35 of a hundred parts; the changes are 20, what comes before and between 10.
  idleSeconds: minutes * 21,
  changeRounds: Math.max(1, Math.round(minutes * 0.2)),
  changeEverySeconds: 60,
  sampleSeconds: 15,
  probeSeconds: 10,
}
const result = await soak(world, plan, line => process.stdout.write(`${line}\n`))
const folder = fileURLToPath(new URL('../results/', import.meta.url))
mkdirSync(folder, { recursive: true })
writeFileSync(
  `${folder}soak.json`,
  `${JSON.stringify({ bench: 'soak', date: new Date().toISOString(), command: `npm run soak -- --minutes ${minutes}`, machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.versions.node }, plan, ...result })}\n`,
)
process.stdout.write(`\n${soakTables(result)}\n`)
process.exit(0)
