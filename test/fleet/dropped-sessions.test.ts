import { ownWorld } from './own-world.ts'

/*
 * Sessions of every kind, opened and dropped by clients that say no goodbye: hub, agent and engine hold afterwards what
 * they held before. `npm run bench -- dropped-sessions` does it a thousand times. No figure of time is looked at.
 */
const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { dropSessions } = await import('../../bench/drops/drop-sessions.ts')

/** A leak of one for each session of one kind is more than the slack. */
const times = 8
const slack = times - 2

const { before, after, sessions } = await dropSessions(world, { times }, line => t.comment(line))

t.test(`${sessions} sessions leave no process, no monitor and no command in the engine`, async t => {
  t.equal(after.listed, 0, 'none is listed')
  t.equal(after.streams, before.streams, 'none is a stream of the side channel')
  t.ok(
    after.execSessions <= before.execSessions + 1,
    `${before.execSessions} of the engine, then ${after.execSessions}`,
  )
  t.ok(after.monitors <= before.monitors + 1, `${before.monitors} monitors, then ${after.monitors}`)
  t.ok(after.processes <= before.processes + 2, `${before.processes} processes, then ${after.processes}`)
})

for (const role of ['hub', 'agent'] as const) {
  t.test(`they leave no descriptor, timer, listener, map or set in the ${role}`, async t => {
    const [then, now] = [before[role], after[role]]
    for (const what of ['descriptors', 'timers', 'listeners', 'threads'] as const)
      t.ok(now[what] <= then[what] + slack, `${what}: ${then[what]}, then ${now[what]}`)
    for (const what of ['maps', 'sets'] as const)
      for (const number of ['count', 'entries'] as const)
        t.ok(
          (now[what]?.[number] ?? Number.NaN) <= (then[what]?.[number] ?? Number.NaN) + slack,
          `${number} of ${what}: ${then[what]?.[number]}, then ${now[what]?.[number]}`,
        )
  })
}
