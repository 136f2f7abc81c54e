import t from 'tap'
import { asShipped, simulateMany } from './simulation.ts'

const seeds = 500

for (const broker of ['honest', 'forgetful', 'malicious'] as const)
  t.test(`with an ${broker} broker, every node converges, none goes back, nothing forged is taken`, async t => {
    const sum = simulateMany(seeds, asShipped(broker))
    t.comment(JSON.stringify(sum))
    t.match(sum, { divergedRuns: 0, regressions: 0, forged: 0 }, `first look at seed ${sum.worstSeed}`)
    t.ok(sum.taken > seeds * 10, 'there was something to take')
  })

t.test('hello alone repairs what was lost, and so does sending again', async t => {
  for (const change of [
    { hello: true, resend: false },
    { hello: false, resend: true },
  ]) {
    const sum = simulateMany(100, { ...asShipped('honest'), ...change })
    t.comment(JSON.stringify({ ...change, ...sum }))
    t.equal(sum.divergedRuns, 0, JSON.stringify(change))
  }
})

t.test('without both, fleets diverge: the simulation bites', async t => {
  const sum = simulateMany(100, { ...asShipped('honest'), hello: false, resend: false })
  t.comment(JSON.stringify(sum))
  t.ok(sum.divergedRuns > 20)
})

t.test('unsigned, forged documents are taken: the simulation bites', async t => {
  const sum = simulateMany(100, { ...asShipped('malicious'), signed: false })
  t.comment(JSON.stringify(sum))
  t.ok(sum.forged > 100)
  t.ok(sum.divergedRuns > 0)
})

t.test('ordered by revision alone, a restored store leaves nodes behind: the simulation bites', async t => {
  const sum = simulateMany(100, { ...asShipped('honest'), order: 'revision alone' })
  t.comment(JSON.stringify(sum))
  t.ok(sum.divergedRuns > 5)
})
