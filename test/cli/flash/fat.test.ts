import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type FatVolume, openFat } from '../../../src/cli/flash/fat/volume.ts'
import { openOverlay } from '../../../src/cli/flash/overlay.ts'
import { readPartitions } from '../../../src/cli/flash/partitions.ts'
import { fails } from '../../support/fails.ts'
import fc from '../../support/fast-check.ts'
import { folderOf } from '../../support/folder-of.ts'
import {
  applyPatches,
  bootOffset,
  damageOf,
  getFile,
  getFiles,
  listFiles,
  makeImage,
  openSource,
  putFile,
} from './an-image.ts'

const now = new Date('2026-12-01T10:20:30Z')
const folder = folderOf(t)

/** Changes the boot partition of the image by `act`, as the command does. */
const change = (image: string, act: (fat: FatVolume) => void): void => {
  const source = openSource(image)
  try {
    const overlay = openOverlay(source)
    const [boot] = readPartitions(overlay)
    if (boot === undefined) throw new Error('no partition')
    const fat = openFat({ overlay, offset: boot.offset, length: boot.length, now })
    act(fat)
    fat.flush()
    applyPatches(image, overlay.patches())
  } finally {
    source.close()
  }
}

const kinds = [
  { bits: 16, megabytes: 9 },
  { bits: 32, megabytes: 34 },
] as const

for (const kind of kinds) {
  t.test(`what is written to FAT${kind.bits} is what mtools reads, and fsck.fat finds it clean`, async t => {
    const image = join(folder, `fat${kind.bits}.img`)
    makeImage(image, kind)
    putFile(image, 'cmdline.txt', 'console=tty1 root=PARTUUID=1-02 rootwait\n')
    putFile(image, 'A long name of a file.txt', 'theirs')
    const large = randomBytes(3_000_001)
    change(image, fat => {
      t.equal(fat.type, `fat${kind.bits}`)
      t.strictSame(fat.list(), ['cmdline.txt', 'A long name of a file.txt'])
      t.equal(fat.read('CMDLINE.TXT')?.toString(), 'console=tty1 root=PARTUUID=1-02 rootwait\n')
      fat.write('cmdline.txt', 'one')
      fat.write('dunlin/join.json', '{}')
      fat.write('dunlin/images/hello world+1.tar', large)
      fat.write('dunlin/images/hello world+2.tar', '')
      fat.write('SSH', '')
      t.ok(fat.remove('a long name of a FILE.txt'))
      t.notOk(fat.remove('nothing'))
      t.equal(fat.read('dunlin/images/hello world+1.tar')?.equals(large), true)
    })
    t.equal(damageOf(image), '')
    t.strictSame(listFiles(image), [
      'SSH',
      'cmdline.txt',
      'dunlin/',
      'dunlin/images/',
      'dunlin/images/hello world+1.tar',
      'dunlin/images/hello world+2.tar',
      'dunlin/join.json',
    ])
    t.equal(getFile(image, 'cmdline.txt').toString(), 'one')
    t.equal(getFile(image, 'dunlin/images/hello world+1.tar').equals(large), true)
  })

  t.test(`a FAT${kind.bits} that is full is left as it was`, async t => {
    const image = join(folder, `full${kind.bits}.img`)
    makeImage(image, kind)
    const before = readFileSync(image)
    await fails(
      t,
      () =>
        change(image, fat => {
          fat.write('small.txt', 'small')
          fat.write('large.tar', { length: kind.megabytes * 1024 * 1024, read: (_, length) => Buffer.alloc(length) })
        }),
      'Machine',
      /the boot partition is full: \d+ more clusters .* are free\. Leave out packages/,
    )
    t.equal(readFileSync(image).equals(before), true)
  })

  t.test(`folders of FAT${kind.bits} grow, and what is freed is used again`, async t => {
    const image = join(folder, `many${kind.bits}.img`)
    makeImage(image, kind)
    const names = Array.from({ length: 80 }, (_, at) => `A file with a long name, number ${at}.txt`)
    change(image, fat => {
      const free = fat.freeBytes
      for (const name of names) fat.write(`folder/${name}`, name)
      for (const name of names) fat.remove(`folder/${name}`)
      const left = free - fat.freeBytes
      for (const name of names) fat.write(`folder/${name}`, name)
      for (const name of names) fat.write(`folder/${name}`, name.toUpperCase())
      for (const name of names.slice(10)) fat.remove(`folder/${name}`)
      t.ok(left < 100_000, 'only the folder stays large')
    })
    t.equal(damageOf(image), '')
    t.strictSame(listFiles(image), ['folder/', ...names.slice(0, 10).map(name => `folder/${name}`)].toSorted())
    t.equal(getFile(image, `folder/${names[3]}`).toString(), names[3]?.toUpperCase())
  })
}

t.test('FAT16 holds no more names in its root than it was made for', async t => {
  const image = join(folder, 'root16.img')
  makeImage(image, { bits: 16, megabytes: 9 })
  await fails(
    t,
    () => change(image, fat => Array.from({ length: 600 }, (_, at) => fat.write(`F${at}`, ''))),
    'Machine',
    /the folder on the boot partition is full/,
  )
})

t.test('a GPT is read as well, and the volume gets a new name', async t => {
  const image = join(folder, 'gpt.img')
  makeImage(image, { bits: 32, megabytes: 34, table: 'gpt', label: 'ESP' })
  change(image, fat => fat.setLabel('CIDATA'))
  t.equal(damageOf(image), '')
  const source = openSource(image)
  t.strictSame(
    readPartitions(source).map(one => one.type),
    ['efi', 'linux'],
  )
  source.close()
  const { execFileSync } = await import('node:child_process')
  const probed = execFileSync('/sbin/blkid', [
    '-p',
    '-o',
    'value',
    '-s',
    'LABEL',
    '--offset',
    String(bootOffset),
    image,
  ])
  t.equal(probed.toString(), 'CIDATA\n')
})

/** What may happen to files: few names, so that the same ones meet again. */
const step = fc.record({
  act: fc.constantFrom('write', 'write', 'remove', 'folder'),
  path: fc
    .array(fc.constantFrom('a', 'B.TXT', 'a long name.json', 'A Long Name.json2', 'ünïcode ☃.tar', '.hidden'), {
      minLength: 1,
      maxLength: 3,
    })
    .map(names => names.map((name, at) => (at === names.length - 1 ? name : `d${at}${name}`)).join('/')),
  size: fc.oneof(fc.nat(40), fc.nat(70_000)),
})

t.test('whatever is written, replaced and removed, mtools and fsck.fat agree with us', async t => {
  const image = join(folder, 'property.img')
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...kinds), fc.array(step, { maxLength: 25 }), async (kind, steps) => {
      makeImage(image, kind)
      const files = new Map<string, Buffer>()
      change(image, fat => {
        for (const [at, { act, path, size }] of steps.entries()) {
          const known = [...files.keys()].find(one => one.toLowerCase() === path.toLowerCase()) ?? path
          if (act === 'write') {
            const bytes = Buffer.alloc(size, `${at}.`)
            fat.write(path, bytes)
            files.set(known, bytes)
          } else if (act === 'remove') {
            t.equal(fat.remove(path), files.delete(known))
          } else fat.makeFolder(`d0 ${size % 5}`)
        }
        for (const [path, bytes] of files)
          if (fat.read(path)?.equals(bytes) !== true) throw new Error(`we read ${path}`)
      })
      const damage = damageOf(image)
      if (damage !== '') throw new Error(damage)
      const copies = mkdtempSync(join(folder, 'copies-'))
      getFiles(image, copies)
      const listed = readdirSync(copies, { recursive: true, withFileTypes: true })
        .filter(one => one.isFile())
        .map(one => join(one.parentPath, one.name).slice(copies.length + 1))
      if (listed.toSorted().join('\n') !== [...files.keys()].toSorted().join('\n'))
        throw new Error(`mtools lists ${listed}`)
      for (const [path, bytes] of files)
        if (!readFileSync(join(copies, path)).equals(bytes)) throw new Error(`mtools reads ${path} otherwise`)
    }),
    { numRuns: 4 },
  )
})

t.test('whatever bytes a partition holds, they are read or refused, and never loop', async () => {
  const image = join(folder, 'hostile.img')
  makeImage(image, { bits: 16, megabytes: 9 })
  putFile(image, 'cmdline.txt', 'x')
  const whole = readFileSync(image)
  const places = fc.oneof(fc.nat(512), fc.integer({ min: bootOffset, max: bootOffset + 60_000 }))
  await fc.assert(
    fc.property(fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 30 }), changes => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at] = value
      const overlay = openOverlay({ length: bytes.length, read: (at, length) => bytes.subarray(at, at + length) })
      try {
        for (const { offset, length } of readPartitions(overlay)) {
          const fat = openFat({ overlay, offset, length, now })
          for (const name of fat.list() ?? []) fat.read(name)
          fat.write('dunlin/join.json', '{}')
        }
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'Fault') throw error
      }
    }),
    { numRuns: 20 },
  )
})

t.test('what is no image says so', async t => {
  const read = (bytes: Buffer) => () =>
    readPartitions({ length: bytes.length, read: (at, n) => bytes.subarray(at, at + n) })
  await fails(t, read(Buffer.from('hello')), 'Malformed', /no image of a card: it has 5 bytes/)
  await fails(t, read(Buffer.alloc(4096)), 'Malformed', /does not end with the mark of a partition table/)
  const image = join(folder, 'cut.img')
  makeImage(image, { bits: 16, megabytes: 9 })
  await fails(t, read(readFileSync(image).subarray(0, 4096)), 'Malformed', /the file has 4096: it was cut off/)
})
