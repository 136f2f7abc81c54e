import type { RoundResult } from '../../bench/faults/run-round.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { runRounds } = await import('../../bench/faults/run-rounds.ts')

/** Five that differ most: the rest, and hundreds of rounds, are run by hand (npm run faults). */
const only = ['hub killed', 'node rebooted without hub', 'hub restored', 'node disk full', 'link cut'] as const

t.test(
  'five faults to a real fleet: all is as wanted again, and nothing restarted, lost, let in or left over',
  async t => {
    const results: RoundResult[] = []
    const stories: string[] = []
    await runRounds({
      ...{ world, seed: 1, from: 1, rounds: only.length, only },
      onResult(result, story) {
        results.push(result)
        if (result.findings.length > 0) stories.push(story().slice(-20_000))
      },
    })
    t.strictSame(results.map(one => one.fault).toSorted(), only.toSorted())
    // A machine that is busy with other things may answer a request late; the rounds by hand count that, too.
    const found = results.flatMap(({ fault, findings }) =>
      findings.filter(one => one.finding !== 'failed request').map(one => `${fault}: ${one.finding}: ${one.what}`),
    )
    t.strictSame(found, [], found.length === 0 ? 'nothing is found' : stories.join('\n'))
  },
)
