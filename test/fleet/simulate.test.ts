import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Played } from '../../bench/simulate/play.ts'
import { folderOf } from '../support/folder-of.ts'

/*
 * npm run simulate, in short: agents of a whole fleet against a real hub. Nothing here is a time; what it takes is in
 * docs/performance.md.
 */

const program = fileURLToPath(new URL('../../bench/simulate/run.ts', import.meta.url))
const nodes = 60

t.test(
  'a fleet is filled, updated, cut off, loses its hub and half of itself: all come back, nothing restarts',
  async t => {
    const result = join(folderOf(t), 'result.json')
    const words = ['--nodes', nodes, '--pods', 2, '--replicas', nodes, '--steady-seconds', 2, '--result', result].map(
      String,
    )
    const ended = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words], {
      encoding: 'utf8',
    })
    t.equal(ended.status, 0, `${ended.stdout}\n${ended.stderr}`)
    const { played } = JSON.parse(readFileSync(result, 'utf8')) as { readonly played: readonly Played[] }
    t.strictSame(
      played.map(one => one.scenario),
      ['connect', 'fill', 'steady', 'deploy', 'update', 'cut', 'kill', 'away'],
    )
    for (const { scenario, facts } of played.filter(one => ['cut', 'kill', 'away'].includes(one.scenario)))
      t.equal(facts['containers started'], 0, `${scenario}: no container is started again`)
    t.match(played.at(-1)?.facts, {
      'nodes lost': nodes / 2 + 1,
      'others thought lost': 0,
      'pods replaced': 0,
      'containers stopped': 0,
    })
  },
)
