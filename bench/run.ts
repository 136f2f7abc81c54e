import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** npm run bench [-- NAME…]: every benchmark in this folder, one after another, or those named. */
const folder = fileURLToPath(new URL('.', import.meta.url))
const isBench = (name: string): boolean =>
  name.endsWith('.ts') && !['run.ts', 'measure.ts'].includes(name) && !name.startsWith('kit-')
const wanted = process.argv.slice(2)
const benches = readdirSync(folder)
  .filter(isBench)
  .filter(name => wanted.length === 0 || wanted.includes(name.replace(/\.ts$/, '')))
  .toSorted()
if (benches.length === 0) {
  process.stderr.write(
    `no benchmark named ${wanted.join(', ')}; there are: ${readdirSync(folder)
      .filter(isBench)
      .map(name => name.replace(/\.ts$/, ''))
      .join(', ')}\n`,
  )
  process.exit(2)
}
let failed = 0
for (const bench of benches) {
  const done = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', `${folder}${bench}`], {
    stdio: 'inherit',
  })
  if (done.status !== 0) failed += 1
}
process.exit(failed === 0 ? 0 : 1)
