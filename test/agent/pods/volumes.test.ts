import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { podVolumes } from '../../../src/agent/pods/volumes.ts'
import type { VolumeFile, VolumePlan } from '../../../src/core/pods/volumes.ts'
import { aPod } from '../../fakes/builders.ts'

const folders = async (t: { teardown(act: () => Promise<void>): void }) => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-volumes-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  return { root, stateFolder: join(root, 'state'), runFolder: join(root, 'run') }
}

const file = (path: string, content: string, mode = 0o644): VolumeFile => ({ path, content, encoding: 'utf8', mode })
const files = (...all: readonly VolumeFile[]): VolumePlan => ({ name: 'settings', type: 'files', files: all })

t.test('files are written with their modes, below the run folder', async t => {
  const of = await folders(t)
  const volumes = podVolumes(of)
  const plan = { volumes: [files(file('color', 'red'), file('deep/er', 'x', 0o400))] }
  t.equal(await volumes.look('uid-1', plan), 'absent')
  await volumes.prepare(aPod(), plan)
  t.equal(await volumes.look('uid-1', plan), 'ready')
  const path = volumes.path('uid-1', files())
  t.equal(path, join(of.runFolder, 'volumes/uid-1/settings'))
  t.equal(await readFile(join(path, 'color'), 'utf8'), 'red')
  t.equal((await stat(join(path, 'deep/er'))).mode & 0o777, 0o400)
  t.strictSame((await readdir(of.root)).toSorted(), ['run'], 'nothing is written to the disk')
})

t.test('changed content appears all at once, and what is no longer in it goes', async t => {
  const volumes = podVolumes(await folders(t))
  await volumes.prepare(aPod(), { volumes: [files(file('a', '1'), file('b', '1'))] })
  const path = volumes.path('uid-1', files())
  const before = await readlink(join(path, '..data'))
  const changed = { volumes: [files(file('a', '2'), file('c', '2'))] }
  t.equal(await volumes.look('uid-1', changed), 'stale')
  await volumes.prepare(aPod(), changed)
  t.not(await readlink(join(path, '..data')), before)
  t.equal(await readFile(join(path, 'a'), 'utf8'), '2')
  t.strictSame((await readdir(path)).filter(name => !name.startsWith('..')).toSorted(), ['a', 'c'])
  t.equal((await readdir(path)).filter(name => name.startsWith('..')).length, 2, 'the old folder is gone')
})

t.test('an emptyDir on disk outlives a reboot, what is in memory is made again', async t => {
  const of = await folders(t)
  const plan = { volumes: [files(file('a', '1')), { name: 'data', type: 'emptyDir', medium: 'disk' } as const] }
  await podVolumes(of).prepare(aPod(), plan)
  const data = podVolumes(of).path('uid-1', plan.volumes[1] ?? files())
  await writeFile(join(data, 'kept'), 'yes')
  t.equal(await podVolumes(of).look('uid-1', plan), 'ready', 'a new agent finds them ready')
  await rm(of.runFolder, { recursive: true })
  const after = podVolumes(of)
  t.equal(await after.look('uid-1', plan), 'stale')
  await after.prepare(aPod(), plan)
  t.equal(await readFile(join(data, 'kept'), 'utf8'), 'yes')
  t.equal((await stat(data)).mode & 0o777, 0o777)
})

t.test('a missing source is the error, and leaves what is there as it is', async t => {
  const volumes = podVolumes(await folders(t))
  const plan = { volumes: [files(file('a', '1'))] }
  await volumes.prepare(aPod(), plan)
  const missing = { missing: 'MountVolume.SetUp failed for volume "v": secret "s" not found' }
  t.equal(await volumes.look('uid-1', missing), 'stale')
  await t.rejects(volumes.prepare(aPod(), missing), { reason: 'NotFound', message: /secret "s" not found/ })
  t.equal(await readFile(join(volumes.path('uid-1', files()), 'a'), 'utf8'), '1')
})

t.test('hostPath checks its type, and makes what it may', async t => {
  const of = await folders(t)
  const volumes = podVolumes(of)
  await mkdir(join(of.root, 'there'))
  const at = (path: string, check: 'Directory' | 'File' | 'DirectoryOrCreate' | 'FileOrCreate' | 'Socket') => ({
    volumes: [{ name: 'h', type: 'hostPath', path: join(of.root, path), check } as const],
  })
  await volumes.prepare(aPod(), at('there', 'Directory'))
  await volumes.prepare(aPod(), at('made/deep', 'DirectoryOrCreate'))
  t.ok((await stat(join(of.root, 'made/deep'))).isDirectory())
  await volumes.prepare(aPod(), at('made/file', 'FileOrCreate'))
  t.ok((await stat(join(of.root, 'made/file'))).isFile())
  for (const wrong of [
    at('none', 'Directory'),
    at('there', 'File'),
    at('made/file', 'DirectoryOrCreate'),
    at('there', 'Socket'),
  ])
    await t.rejects(volumes.prepare(aPod(), wrong), { reason: 'Invalid', message: /hostPath type check failed/ })
})

t.test('a subPath is made, and a link that leads out of the volume is refused', async t => {
  const of = await folders(t)
  const volumes = podVolumes(of)
  await mkdir(join(of.root, 'volume'))
  await mkdir(join(of.root, 'secret'))
  t.equal(await volumes.subPath(join(of.root, 'volume'), 'a/b'), join(of.root, 'volume/a/b'))
  await symlink(join(of.root, 'secret'), join(of.root, 'volume/out'))
  await symlink('a', join(of.root, 'volume/in'))
  t.equal(await volumes.subPath(join(of.root, 'volume'), 'in/b'), join(of.root, 'volume/a/b'))
  await t.rejects(volumes.subPath(join(of.root, 'volume'), 'out'), {
    reason: 'Forbidden',
    message: /leads out of its volume/,
  })
  await t.rejects(volumes.subPath(join(of.root, 'volume'), 'out/deeper'), {
    reason: 'Forbidden',
    message: /leads out of its volume/,
  })
})

t.test('removal takes everything, twice without harm', async t => {
  const of = await folders(t)
  const volumes = podVolumes(of)
  const plan = { volumes: [files(file('a', '1')), { name: 'data', type: 'emptyDir', medium: 'disk' } as const] }
  await volumes.prepare(aPod(), plan)
  t.strictSame(await volumes.uids(), ['uid-1'])
  await volumes.remove('uid-1')
  await volumes.remove('uid-1')
  t.strictSame(await volumes.uids(), [])
  t.equal(await volumes.look('uid-1', plan), 'absent')
})
