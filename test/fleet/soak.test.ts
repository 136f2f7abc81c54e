import { ownWorld } from './own-world.ts'

/*
 * The soak in short: hub, bundled agent and ten pods, round after round of change. What the process holds afterwards is
 * what it held before. No figure of time or memory is looked at.
 */
const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { soak } = await import('../../bench/soak/soak.ts')

/** What comes and goes with a connection, a request or a garbage collection. A leak of one a round is more. */
const rounds = 8
const slack = rounds - 1

const result = await soak(
  world,
  {
    warmUpSeconds: 20,
    settleSeconds: 2,
    idleSeconds: 2,
    changeRounds: rounds,
    changeEverySeconds: 3,
    sampleSeconds: 2,
    probeSeconds: 1,
    agentWords: ['--telemetry-seconds', '5'],
  },
  line => t.comment(line),
)

t.test('nothing is held that was not held before the changes', async t => {
  for (const role of ['agent', 'hub'] as const) {
    const { before, after } = { before: result.before[role], after: result.after[role] }
    t.comment(`${role}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`)
    for (const what of ['descriptors', 'timers', 'listeners', 'threads'] as const)
      t.ok(after[what] <= before[what] + slack, `${what} of the ${role}: ${before[what]}, then ${after[what]}`)
  }
})

t.test('the agent holds as many maps and sets, and as much in them', async t => {
  const { before, after } = { before: result.before.agent, after: result.after.agent }
  for (const what of ['maps', 'sets'] as const)
    for (const number of ['count', 'entries'] as const)
      t.ok(
        (after[what]?.[number] ?? Number.NaN) <= (before[what]?.[number] ?? Number.NaN) + slack,
        `${number} of ${what}: ${before[what]?.[number]}, then ${after[what]?.[number]}`,
      )
})

t.test('every process was seen', async t => {
  // A container that was killed a second time is away for its back-off.
  t.ok(result.samples.every(one => one.hub.pss > 0 && one.agent.pss > 0 && one.monitors.count >= 9))
})
