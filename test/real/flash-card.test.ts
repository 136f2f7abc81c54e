import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { verifyCard, writeCard } from '../../src/cli/flash/card/write-card.ts'
import { openFile } from '../../src/cli/flash/image-file.ts'
import { damageOf, getFile, makeStock } from '../cli/flash/an-image.ts'
import { carriedBy, runFlash } from '../cli/flash/run-flash.ts'
import { fails } from '../support/fails.ts'
import { folderOf } from '../support/folder-of.ts'

const run = (program: string, ...words: readonly string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const { signal } = new AbortController()
const progress = (): void => undefined
const env = { DUNLIN_TEST_LOOP_DEVICES: '1' }

/** A loop device of so many bytes that stands for a card. */
const aCard = (t: Test, folder: string, bytes: number): { readonly device: string; readonly backing: string } => {
  const backing = join(folder, 'card')
  writeFileSync(backing, '')
  const file = openSync(backing, 'r+')
  ftruncateSync(file, bytes)
  closeSync(file)
  const device = run('losetup', '--find', '--show', backing)
  t.teardown(() => run('losetup', '--detach', device))
  return { device, backing }
}
const mebibyte = 1024 * 1024

t.test('a customised image is written to a card, read back and compared', async t => {
  const folder = folderOf(t)
  const image = join(folder, 'trixie.img')
  makeStock(image, 'trixie')
  const { device, backing } = aCard(t, folder, 64 * mebibyte)
  t.match((await runFlash(['--list'], env)).out, device)
  t.notMatch((await runFlash(['--list'])).out, device, 'a loop device is no card outside of tests')
  const done = await runFlash([image, '--device', device, '--yes', '--name', 'barn', ...carriedBy(folder)], env)
  t.equal(done.code, 0, done.notes)
  t.match(done.notes, /writing 100 %, .*\n(?:.*\n)*reading back 100 %, .*\n.*holds the image, read back and compared/)
  t.equal(damageOf(backing), '')
  t.match(getFile(backing, 'dunlin/join.json').toString(), '"name": "barn"')
})

t.test('one byte that the card changed is found, and where', async t => {
  const folder = folderOf(t)
  const { device } = aCard(t, folder, 16 * mebibyte)
  const path = join(folder, 'image')
  writeFileSync(path, Buffer.alloc(13 * mebibyte + 512, 'image'))
  const image = openFile(path)
  const length = image.length
  const written = await writeCard({ device, image, bytes: 16 * mebibyte, progress, signal })
  await verifyCard({ device, length, written, progress, signal })
  writeFileSync(join(folder, 'byte'), 'X')
  run(
    'dd',
    `if=${folder}/byte`,
    `of=${device}`,
    'bs=1',
    `seek=${9 * mebibyte + 7}`,
    'conv=notrunc,fsync',
    'status=none',
  )
  const worn = verifyCard({ device, length, written, progress, signal })
  await fails(t, worn, 'Machine', /does not hold what was written to it: it differs between 8 and 12 MiB/)
  image.close()
})

t.test('the first piece is written last: a card that was taken out half way starts nothing', async t => {
  const folder = folderOf(t)
  const { device, backing } = aCard(t, folder, 16 * mebibyte)
  writeFileSync(backing, Buffer.alloc(16 * mebibyte, 'old system'))
  const image = { length: 12 * mebibyte, read: (_: number, length: number) => Buffer.alloc(length, 'new') }
  const stop = new AbortController()
  const half = (done: number): void => (done > 4 * mebibyte ? stop.abort() : undefined)
  await t.rejects(writeCard({ device, image, bytes: 16 * mebibyte, progress: half, signal: stop.signal }))
  run('blockdev', '--flushbufs', device)
  t.ok(
    readFileSync(backing)
      .subarray(0, 4 * mebibyte)
      .equals(Buffer.alloc(4 * mebibyte)),
    'neither old nor new',
  )
})

t.test('a card that takes no more data is told of, with the place', async t => {
  const folder = folderOf(t)
  const small = join(folder, 'small')
  mkdirSync(small)
  // The card says 32 MiB, and what is behind it holds 8.
  run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'card', small)
  t.teardown(() => run('umount', '--lazy', small))
  const { device } = aCard(t, small, 32 * mebibyte)
  const image = { length: 30 * mebibyte, read: (_: number, length: number) => Buffer.alloc(length, 'x') }
  const write = writeCard({ device, image, bytes: 32 * mebibyte, progress, signal })
  await fails(t, write, 'Machine', /dev\/loop\d+ at \d+ MiB: .*What is on it now is of no use/)
})

t.test('what must not be written over is not', async t => {
  const folder = folderOf(t)
  const image = join(folder, 'trixie.img')
  makeStock(image, 'trixie')
  const { device } = aCard(t, folder, 16 * mebibyte)
  const words = ['--yes', '--name', 'barn', ...carriedBy(folder)]
  const tooLarge = await runFlash([image, '--device', device, ...words], env)
  t.match(
    [tooLarge.code, tooLarge.notes],
    [5, /the image has \d+ bytes, and .* holds 16777216: take a larger card\. Nothing/],
  )
  const unconfirmed = await runFlash([image, '--device', device, '--name', 'barn', ...carriedBy(folder)], env)
  t.match([unconfirmed.code, unconfirmed.notes], [2, /nobody is there to confirm that loop\d+ may be written over/])

  const place = join(folder, 'place')
  mkdirSync(place)
  run('mkfs.ext4', '-q', device)
  run('mount', device, place)
  t.teardown(() => run('umount', place))
  const mounted = await runFlash([image, '--device', device, ...words], env)
  t.match([mounted.code, mounted.notes], [5, /is not written: it is mounted at .*place; take it out of use first/])
  await fails(
    t,
    writeCard({ device, image: { length: 512, read: () => Buffer.alloc(512) }, bytes: 512, progress, signal }),
    'Machine',
    /it is in use \(mounted/,
  )
  const root = basename(run('findmnt', '--noheadings', '--output', 'SOURCE', '--target', '/'))
  const disk =
    run('lsblk', '--noheadings', '--nodeps', '--output', 'PKNAME,NAME', `/dev/${root}`).split(/\s+/)[0] ?? root
  const system = await runFlash([image, '--device', disk, ...words], env)
  t.match([system.code, system.notes], [5, /it carries this system \(mounted at/])
  t.match((await runFlash([image, '--device', 'sdzz', ...words], env)).notes, /sdzz is no disk of this machine/)
})
