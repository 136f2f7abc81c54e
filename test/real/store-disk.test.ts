import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { folderOf } from '../support/folder-of.ts'

const lab = fileURLToPath(new URL('./store-disk-lab.ts', import.meta.url))

/** What the lab saw; its loop device goes with it, also where it failed. */
const experiment = (folder: string): { readonly [moment: string]: { readonly [what: string]: unknown } } => {
  const words = ['--mount', '--propagation', 'private', process.execPath, '--disable-warning=ExperimentalWarning', lab]
  try {
    return JSON.parse(execFileSync('unshare', [...words, folder], { encoding: 'utf8', timeout: 90_000 }))
  } finally {
    const left = spawnSync('losetup', ['--noheadings', '--output', 'NAME', '--associated', `${folder}/image`], {
      encoding: 'utf8',
    })
    for (const device of left.stdout.split('\n').filter(Boolean)) spawnSync('losetup', ['--detach', device.trim()])
  }
}

t.test(
  'a store on a disk that is full, has room again, fails and is mounted anew loses nothing and says what is wrong',
  async t => {
    const seen = experiment(folderOf(t))
    const { full = {}, after = {} } = { full: seen['full'], after: seen['after the boot'] }
    t.ok(Number(full['acknowledged']) > 100, 'the disk took many writes')
    t.match(full['refusals'], [/is full: nothing was written; make room on its disk, the hub goes on by itself/])
    t.equal(full['present'], full['acknowledged'], 'full: every acknowledged write is there, and can be read')
    t.match(full['ownFileWrite'], /ENOSPC/)
    t.equal(full['ownFile'], 'old', 'a file of ours is as it was')

    const room = seen['room again'] ?? {}
    t.ok(Number(room['acknowledged']) > 10, 'with room again it goes on, without a restart')
    t.equal(room['present'], room['acknowledged'])

    const all = Number(full['acknowledged']) + Number(room['acknowledged'])
    t.match(seen['read-only'], { write: /failed: check the disk|cannot be written/, present: all })
    t.match(seen['start on a read-only disk'], /hub\.db\.lock cannot be made .*EROFS/)
    t.strictSame(after, { present: all, isAsOld: true, write: 'written' }, 'after the boot')
  },
)
