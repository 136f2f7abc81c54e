import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Desired, desiredOf } from '../../../src/agent/pods/desired.ts'
import { nodeImages } from '../../../src/agent/pods/images.ts'
import { openPodMemories } from '../../../src/agent/pods/pod-memories.ts'
import { syncLoop } from '../../../src/agent/pods/sync-loop.ts'
import { podVolumes } from '../../../src/agent/pods/volumes.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { anAssignment, aPod } from '../../fakes/builders.ts'
import { manualClock } from '../../fakes/clock.ts'
import { fakeRuntime } from '../../fakes/runtime.ts'
import { folderOf } from '../../support/folder-of.ts'

t.test('half a sandbox is swept although its pod still has volumes here', async t => {
  const clock = manualClock()
  const runtime = fakeRuntime({ clock })
  const folder = folderOf(t)
  const folders = { stateFolder: join(folder, 'state'), runFolder: join(folder, 'run') }
  mkdirSync(join(folders.stateFolder, 'volumes/with-volumes'), { recursive: true })
  const memories = await openPodMemories({ ...folders, clock, log: silentLog })
  t.teardown(() => memories.close())
  const kept: (readonly string[])[] = []
  const seen: string[] = []
  const desired: Desired = desiredOf(anAssignment({ pods: [aPod({}, { uid: 'wanted' })] }))
  const loop = syncLoop({
    runtime: {
      ...runtime,
      async sweep(keep) {
        kept.push([...keep].toSorted())
        return []
      },
    },
    sync: {
      async run(uid) {
        seen.push(uid)
        return undefined
      },
      async idle() {},
    },
    memories,
    volumes: podVolumes(folders),
    images: nodeImages({ runtime, clock, random: () => 0, log: silentLog }),
    desired: () => desired,
    clock,
    log: silentLog,
  })
  await loop.start()
  await loop.idle()
  await loop.close()
  t.strictSame(kept, [['wanted']])
  t.strictSame(seen.toSorted(), ['wanted', 'with-volumes'], 'each is looked at')
})

t.test('a loop that works gives signs of life; one whose workers all hang gives none', async t => {
  const clock = manualClock()
  const runtime = fakeRuntime({ clock })
  const folder = folderOf(t)
  const folders = { stateFolder: join(folder, 'state'), runFolder: join(folder, 'run') }
  const memories = await openPodMemories({ ...folders, clock, log: silentLog })
  t.teardown(() => memories.close())
  let signs = 0
  let doesHang = false
  const release: (() => void)[] = []
  const loop = syncLoop({
    runtime,
    sync: {
      async run() {
        if (doesHang) await new Promise<void>(resolve => release.push(resolve))
        return undefined
      },
      async idle() {},
    },
    memories,
    volumes: podVolumes(folders),
    images: nodeImages({ runtime, clock, random: () => 0, log: silentLog }),
    desired: () => undefined,
    beat: {
      beatEveryMs: 1000,
      beat() {
        signs += 1
      },
    },
    clock,
    log: silentLog,
  })
  await loop.start()
  await clock.advance(2000)
  t.equal(signs, 3, 'one at once, then one each time')
  doesHang = true
  for (let pod = 0; pod < 9; pod += 1) loop.wake(`pod-${pod}`)
  await clock.advance(1000)
  t.equal(signs, 4, 'one worker is free')
  loop.wake('pod-9')
  await clock.advance(60_000)
  t.equal(signs, 4)
  for (const one of release) one()
  await clock.advance(1000)
  t.ok(signs > 4, 'it lives again')
  await loop.close()
})
