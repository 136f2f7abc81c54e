import t from 'tap'
import { faultsTable, type ResultLine } from '../../../bench/faults/table.ts'

const aLine = (of: Partial<ResultLine> = {}): ResultLine => ({
  round: 1,
  fault: 'hub killed',
  seed: 1,
  date: '2026-11-24T17:00:00.000Z',
  commit: 'abc',
  machine: 'a board',
  convergedMs: 1000,
  requests: { answered: 10, failed: 0 },
  findings: [],
  ...of,
})

const names = [
  ['hub killed', 'SIGKILL'],
  ['link cut', 'a cable'],
] as const

t.test('a line for each fault that was met, and one for all', t => {
  const table = faultsTable(
    [
      aLine({ round: 1, convergedMs: 1000 }),
      aLine({ round: 2, convergedMs: 3000, findings: [{ finding: 'needless restart' }] }),
      aLine({ round: 3, convergedMs: 2000, findings: [{ finding: 'leftover' }] }),
      aLine({ round: 4, fault: 'link cut', convergedMs: 9000, requests: { answered: 8, failed: 2 } }),
    ],
    names,
  )
  t.match(table, '| **hub killed**: SIGKILL | 3 | 2.0 | 3.0 | 1 | 0 | 0 of 30 | 1 |')
  t.match(table, '| **link cut**: a cable | 1 | 9.0 | 9.0 | 0 | 0 | 2 of 10 | 0 |')
  t.match(table, '| **all** | 4 | 2.0 | 9.0 | 1 | 0 | 2 of 40 | 1 |')
  t.end()
})

t.test('a round that was run again counts as its last run', t => {
  const { convergedMs: _, ...never } = aLine({ findings: [{ finding: 'not converged' }] })
  const table = faultsTable([never, aLine({ commit: 'mended' })], names)
  t.match(table, '| **all** | 1 | 1.0 | 1.0 | 0 | 0 | 0 of 10 | 0 |')
  t.match(table, 'rounds 1 to 1: commit `mended`')
  t.match(table, '- run again: seed 1, round 1 (hub killed), which at commit `abc` had found: not converged')
  t.end()
})

t.test('it says which commit ran which rounds', t => {
  const table = faultsTable(
    [aLine({ round: 1 }), aLine({ round: 2 }), aLine({ round: 3, commit: 'def', date: '2026-11-24T17:30:00.000Z' })],
    names,
  )
  t.match(table, '- seed 1, rounds 1 to 2: commit `abc`, 2026-11-24 17:00 to 2026-11-24 17:00 UTC, a board')
  t.match(table, '- seed 1, rounds 3 to 3: commit `def`, 2026-11-24 17:30')
  t.end()
})
