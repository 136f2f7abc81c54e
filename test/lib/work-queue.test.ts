import t from 'tap'
import { systemClock } from '../../src/lib/clock.ts'
import { workQueue } from '../../src/lib/work-queue.ts'

t.test('many asks before a run are one run', async t => {
  const runs: string[] = []
  const queue = workQueue({
    clock: systemClock,
    run: async key => {
      runs.push(key)
      return undefined
    },
    onError: (_key, error) => t.fail(String(error)),
  })
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
  await queue.idle()
  t.strictSame(runs, ['a', 'b'])
  await queue.close()
})

t.test('the same key never runs twice at once, and an ask during a run is not lost', async t => {
  let running = 0
  let runs = 0
  const queue = workQueue({
    clock: systemClock,
    workers: 4,
    run: async () => {
      running += 1
      runs += 1
      t.equal(running, 1)
      if (runs === 1) queue.add('a')
      await new Promise(resolve => setTimeout(resolve, 5))
      running -= 1
      return undefined
    },
    onError: (_key, error) => t.fail(String(error)),
  })
  queue.add('a')
  await queue.idle()
  t.equal(runs, 2)
  await queue.close()
})

t.test('a failed key comes back and the error is told', async t => {
  const errors: string[] = []
  let runs = 0
  let done: () => void = () => {}
  const succeeded = new Promise<void>(resolve => {
    done = resolve
  })
  const queue = workQueue({
    clock: systemClock,
    firstBackoffMs: 1,
    run: async () => {
      runs += 1
      if (runs < 3) throw new Error(`try ${runs}`)
      done()
      return undefined
    },
    onError: (key, error) => errors.push(`${key}: ${(error as Error).message}`),
  })
  queue.add('a')
  await succeeded
  t.strictSame(errors, ['a: try 1', 'a: try 2'])
  await queue.close()
})
