import t from 'tap'
import { type Outcome, playHostile } from '../../bench/hostile/play.ts'
import { folderOf } from '../support/folder-of.ts'

/*
 * Every hostile client against a real hub process under honest load, in small numbers; `npm run hostile` has the large
 * ones, and docs/reliability.md what came of them.
 */
const outcomes: Outcome[] = []
await playHostile({ folder: folderOf(t), scale: 'short', seconds: 60, told: outcome => outcomes.push(outcome) })

for (const { attack, honest, failures, counted, mustCount, memory, opened } of outcomes) {
  t.test(`${attack}: honest work goes on, memory is bounded, and it is counted`, async t => {
    t.equal(opened > 0, attack !== 'no attack', 'it took place')
    t.strictSame(failures, [])
    t.ok((honest['read']?.done ?? 0) > 0, 'the API answered')
    t.ok(memory.mostMiB - memory.beforeMiB < 300, `${memory.beforeMiB} MiB before, ${memory.mostMiB} MiB at most`)
    const sum = Object.values(counted).reduce((all, by) => all + by, 0)
    if (mustCount) t.ok(sum > 0, JSON.stringify(counted))
  })
}

t.test('every attack was played', async t => {
  t.equal(outcomes.length, 17)
})
