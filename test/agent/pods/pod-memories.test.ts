import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openPodMemories } from '../../../src/agent/pods/pod-memories.ts'
import { learn } from '../../../src/core/pods/learn.ts'
import { type PodMemory, withContainer } from '../../../src/core/pods/memory.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { aPod } from '../../fakes/builders.ts'
import { manualClock } from '../../fakes/clock.ts'

const open = async (t: { teardown(act: () => Promise<void>): void }) => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-memory-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const clock = manualClock()
  const of = { stateFolder: join(root, 'state'), runFolder: join(root, 'run'), clock, log: silentLog }
  const diskText = () => readFile(join(of.stateFolder, 'pod-memory.json'), 'utf8').catch(() => '')
  return { of, clock, diskText, memories: await openPodMemories(of) }
}

const memory: PodMemory = withContainer(learn(undefined, aPod(), undefined, { wallMs: 0, ms: 0 }), 'web', {
  attempt: 3,
  ranHash: 'v1:a',
  end: { attempt: 2, level: 1, terminated: { exitCode: 1 }, seenAtMs: 5 },
})

const waited = async (memories: { flush(): Promise<void> }, clock: ReturnType<typeof manualClock>, ms: number) => {
  await clock.advance(ms)
  await memories.flush()
}

t.test('what was learned is there for the next agent, without times of another life', async t => {
  const { of, clock, memories } = await open(t)
  memories.set(memory)
  await waited(memories, clock, 200)
  const next = await openPodMemories(of)
  t.match(next.get('uid-1'), { containers: { web: { attempt: 3, ranHash: 'v1:a', end: { level: 1 } } } })
  t.equal(next.get('uid-1')?.containers['web']?.end?.seenAtMs, undefined)
})

t.test('a file that speaks of a pod without uid is not believed', async t => {
  const { of, clock, memories } = await open(t)
  memories.set({ ...memory, uid: '' })
  await waited(memories, clock, 2000)
  t.strictSame((await openPodMemories(of)).uids(), [])
})

t.test('what a power loss must not take is on disk after two seconds', async t => {
  const { of, clock, memories } = await open(t)
  memories.set(memory)
  await waited(memories, clock, 2000)
  await rm(of.runFolder, { recursive: true, force: true })
  t.match((await openPodMemories(of)).get('uid-1'), { containers: { web: { attempt: 3, ranHash: 'v1:a' } } })
})

t.test('counters alone reach the disk at most once an hour', async t => {
  const { clock, diskText, memories } = await open(t)
  memories.set(memory)
  await clock.advance(2000)
  await memories.flush()
  const written = await diskText()
  for (let restarts = 4; restarts < 20; restarts += 1) {
    memories.set(withContainer(memory, 'web', { attempt: restarts }))
    await clock.advance(60_000)
  }
  t.equal(await diskText(), written)
  await clock.advance(3_600_000)
  await memories.flush()
  t.match(JSON.parse(await diskText()), { pods: [{ containers: { web: { attempt: 19 } } }] })
})

t.test('that a pod has gone reaches the disk with the next write, or after an hour', async t => {
  const { clock, diskText, memories } = await open(t)
  memories.set(memory)
  memories.set({ ...memory, uid: 'uid-2' })
  await clock.advance(2000)
  await memories.flush()
  const written = await diskText()
  memories.delete('uid-1')
  await clock.advance(60_000)
  t.equal(await diskText(), written, 'a card is not worn by what ends')
  memories.set({ ...memory, uid: 'uid-3' })
  await clock.advance(2000)
  await memories.flush()
  t.match(JSON.parse(await diskText()), { pods: [{ uid: 'uid-2' }, { uid: 'uid-3' }] })
  memories.delete('uid-2')
  await clock.advance(3_600_000)
  await memories.flush()
  t.match(JSON.parse(await diskText()), { pods: [{ uid: 'uid-3' }] })
})

t.test('a file that is not readable begins anew', async t => {
  const { of, memories, clock } = await open(t)
  memories.set(memory)
  await waited(memories, clock, 2000)
  for (const rubbish of ['', '{', '{"format":2}', '{"format":1,"pods":[{"uid":5}]}']) {
    for (const folder of [of.runFolder, of.stateFolder]) await writeFile(join(folder, 'pod-memory.json'), rubbish)
    t.strictSame((await openPodMemories(of)).uids(), [], rubbish)
  }
})
