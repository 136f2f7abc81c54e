import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openFolder } from '../../src/lib/folder-handle.ts'
import type { TarEntry } from '../../src/lib/tar-entries.ts'
import { type Unpacked, unpackInto } from '../../src/lib/unpack-into.ts'
import { folderOf } from '../support/folder-of.ts'

async function* of<T>(...items: readonly T[]): AsyncIterable<T> {
  yield* items
}

const about = { mode: 0o4755, modified: 1_700_000_000 }
const file = (name: string, text = 'new'): TarEntry => ({
  ...about,
  type: 'file',
  name,
  size: text.length,
  body: of(Buffer.from(text)),
})
const link = (name: string, target: string): TarEntry => ({ ...about, type: 'link', name, target })

/** A folder `in`, with an `outside` beside it. */
const aPlace = (t: Parameters<typeof folderOf>[0]) => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'in'))
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside/secret'), 'old')
  const unpack = async (entries: readonly TarEntry[], rename?: string): Promise<Unpacked> => {
    const inside = await openFolder(join(folder, 'in'))
    try {
      return await unpackInto(inside, of(...entries), {
        newName: () => 'tmp',
        ...(rename === undefined ? {} : { rename }),
      })
    } finally {
      await inside.close()
    }
  }
  const untouched = (): boolean =>
    readFileSync(join(folder, 'outside/secret'), 'utf8') === 'old' &&
    readdirSync(join(folder, 'outside')).length === 1 &&
    readdirSync(folder).length === 2
  return { folder, inside: join(folder, 'in'), unpack, untouched }
}

t.test('files, folders and links within are unpacked, without set-user-id', async t => {
  const { inside, unpack } = aPlace(t)
  const { files, leftOut } = await unpack([
    { ...about, type: 'folder', name: 'a' },
    file('a/b/c.txt', 'hello'),
    link('a/up', '../a/b/c.txt'),
    file('./top'),
  ])
  t.strictSame({ files, leftOut }, { files: 3, leftOut: [] })
  t.equal(readFileSync(join(inside, 'a/up'), 'utf8'), 'hello')
  const found = statSync(join(inside, 'top'))
  t.equal(found.mode & 0o7777, 0o755)
  t.equal(found.mtimeMs, 1_700_000_000_000)
})

t.test('the first part of each name may be another', async t => {
  const { inside, unpack } = aPlace(t)
  await unpack([{ ...about, type: 'folder', name: 'a' }, file('a/b')], 'z')
  await unpack([file('/abs')], 'y')
  t.strictSame(readdirSync(inside).toSorted(), ['y', 'z'])
  t.ok(existsSync(join(inside, 'z/b')))
})

t.test('a name that leads out ends the copy', async t => {
  for (const name of ['../outside/secret', 'a/../../outside/secret', '/../outside/secret', 'a/..', 'a\0b']) {
    const { unpack, untouched } = aPlace(t)
    await t.rejects(unpack([file(name)]), { message: /leads out of the folder/ }, name)
    t.ok(untouched(), name)
  }
})

t.test('a link that was there already is not followed: neither a folder nor a file', async t => {
  const { inside, unpack, untouched } = aPlace(t)
  symlinkSync('../outside', join(inside, 'way'))
  symlinkSync('../outside/secret', join(inside, 'file'))
  await t.rejects(unpack([file('way/secret')]), { code: 'ENOTDIR' })
  t.ok(untouched())
  await unpack([file('file')])
  t.ok(untouched())
  t.equal(readFileSync(join(inside, 'file'), 'utf8'), 'new', 'the link itself was replaced')
})

t.test('links of the archive that lead out are left out and told, and what goes through one is refused', async t => {
  const { inside, unpack, untouched } = aPlace(t)
  const { leftOut, leftOutCount } = await unpack([
    link('abs', '/etc/passwd'),
    link('up', '../outside'),
    link('a/up', '../../outside'),
    // Each is within by its words, both together climb out.
    link('dot', '.'),
    link('sly', 'dot/dot/../outside'),
    { ...about, type: 'other', name: 'device' },
  ])
  t.equal(leftOutCount, 5)
  t.match(leftOut.join('\n'), /abs: a link that may lead out.*\nup: .*\na\/up: .*\nsly: .*\ndevice: neither/)
  t.equal(readlinkSync(join(inside, 'dot')), '.')
  await t.rejects(unpack([link('in', 'a'), file('in/x')]), { code: 'ENOTDIR' })
  t.ok(untouched())
})

t.test('a copy that breaks off leaves what was there', async t => {
  const { inside, unpack } = aPlace(t)
  writeFileSync(join(inside, 'kept'), 'before')
  const broken: AsyncIterable<Uint8Array> = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('ha')
      throw new RangeError('the archive is cut short')
    },
  }
  await t.rejects(unpack([{ ...about, type: 'file', name: 'kept', size: 4, body: broken }]), { message: /cut short/ })
  t.equal(readFileSync(join(inside, 'kept'), 'utf8'), 'before')
  t.strictSame(readdirSync(inside), ['kept'])
})

t.test('a file does not take the place of a folder', async t => {
  const { inside, unpack } = aPlace(t)
  mkdirSync(join(inside, 'a'))
  await t.rejects(unpack([file('a')]), { message: 'a is a folder where the copy has none' })
})
