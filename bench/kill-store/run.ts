import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Judged, killStore, type Row, rowOf } from './kill-store.ts'
import { occasions } from './plan.ts'

/*
 * npm run kill-store -- --kills 200 --seed 1
 *
 * Prints a line for each kill and a table; keeps the raw figures in bench/results/ and the table in docs/reliability.md.
 */

const root = fileURLToPath(new URL('../../', import.meta.url))

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string' },
  },
})

const wholeNumber = (name: string, text: string): number => {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  process.stderr.write(`--${name}=${text} is not a whole number above 0\n`)
  process.exit(2)
}

const columns: readonly (readonly [string, (row: Row) => string | number])[] = [
  ['killed while', row => (row.occasion === 'all' ? 'all' : row.occasion)],
  ['kills', row => row.kills],
  ['acknowledged revisions', row => row.acknowledged],
  ['committed, not yet acknowledged', row => row.unheard],
  ['lost', row => row.lost],
  ['twice', row => row.twice],
  ['torn', row => row.torn],
  ['otherwise wrong', row => row.wrong],
  ['opened again, median ms', row => row.reopenMedianMs],
  ['most', row => row.reopenMostMs],
]

const tableOf = (rows: readonly Row[]): string =>
  [
    `| ${columns.map(([name]) => name).join(' | ')} |`,
    `|${columns.map(() => '---').join('|')}|`,
    ...rows.map(row => `| ${columns.map(([, of]) => of(row)).join(' | ')} |`),
  ].join('\n')

const begin = '<!-- kill-store: made by npm run kill-store -->'
const end = '<!-- kill-store: end -->'

/** Puts the section in its place in the page, or at its end. */
const writeSection = (section: string): void => {
  const path = join(root, 'docs/reliability.md')
  const page = readOr(path, '# Reliability\n')
  const own = `${begin}\n${section}\n${end}`
  const [before, rest] = page.split(begin, 2)
  const after = rest?.split(end, 2)[1]
  writeFileSync(path, after === undefined ? `${page.trimEnd()}\n\n${own}\n` : `${before}${own}${after}`)
}

const readOr = (path: string, otherwise: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}

const kills = wholeNumber('kills', values.kills)
const seed = wholeNumber('seed', values.seed)
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'dunlin-kill-store-'))
const done: Judged[] = []
try {
  for await (const kill of killStore({ folder, kills, seed })) {
    done.push(kill)
    const verdict = kill.lost + kill.twice + kill.torn + kill.wrong.length === 0 ? 'sound' : 'NOT SOUND'
    process.stdout.write(
      `${String(done.length).padStart(4)}/${kills}  ${kill.occasion.padEnd(10)}  ${String(kill.writers).padStart(2)} writers  ${String(kill.acknowledged).padStart(5)} acknowledged  opened in ${Math.round(kill.reopenMs)} ms  ${verdict}\n`,
    )
    for (const wrong of kill.wrong) process.stdout.write(`      ${wrong}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const rows = [
  ...occasions.map(occasion =>
    rowOf(
      occasion,
      done.filter(kill => kill.occasion === occasion),
    ),
  ),
  rowOf('all', done),
]
const machine = {
  cpus: cpus().length,
  model: cpus()[0]?.model,
  memoryBytes: totalmem(),
  kernel: release(),
  node: process.versions.node,
}
const date = new Date().toISOString()
const command = `npm run kill-store -- --kills ${kills} --seed ${seed}`
mkdirSync(join(root, 'bench/results'), { recursive: true })
writeFileSync(
  join(root, 'bench/results/kill-store.json'),
  `${JSON.stringify({ command, date, machine, rows, kills: done }, null, 1)}\n`,
)
writeSection(`## The store under kill -9: \`${command}\`

${date.slice(0, 10)}, ${machine.cpus} x ${machine.model}, Linux ${machine.kernel}, Node ${machine.node}. One store lives through all of it. In each round up to 64 concurrent writers put, change and delete keys, two at once in a fifth of the revisions, until the process that holds the store is killed with -9: while it opens the store, writes, forgets old revisions, or takes backups. Then the store is opened again and every event since the last round is held against what the writers were told. *Lost*: an acknowledged revision that is not there as it was written. *Twice*: a revision that was acknowledged twice, or holds a key twice. *Torn*: a value that is not whole. *Otherwise wrong*: a gap in the revisions, a revision that nobody wrote, a key that is not as its last event says, a term that did not rise. Raw figures: [bench/results/kill-store.json](../bench/results/kill-store.json).

${tableOf(rows)}
`)
process.stdout.write(`\n${tableOf(rows)}\n`)
const total = rowOf('all', done)
process.exitCode = total.lost + total.twice + total.torn + total.wrong === 0 ? 0 : 1
