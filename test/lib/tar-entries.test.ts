import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openFolder } from '../../src/lib/folder-handle.ts'
import { packFolder } from '../../src/lib/pack-folder.ts'
import { readEntries, type TarEntry, writeEntries } from '../../src/lib/tar-entries.ts'
import fc from '../support/fast-check.ts'
import { folderOf } from '../support/folder-of.ts'

async function* of<T>(...items: readonly T[]): AsyncIterable<T> {
  yield* items
}

const bytesOf = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

const aFile = (name: string, text: string): TarEntry => ({
  type: 'file',
  name,
  mode: 0o640,
  modified: 1_700_000_000,
  size: Buffer.byteLength(text),
  body: of(Buffer.from(text)),
})

/** Entries with their bodies as text. */
const read = async (chunks: AsyncIterable<Uint8Array>) => {
  const found: object[] = []
  for await (const entry of readEntries(chunks)) {
    if (entry.type !== 'file') found.push(entry)
    else found.push({ ...entry, body: (await bytesOf(entry.body)).toString() })
  }
  return found
}

t.test('what is written is read again, long names and odd lengths too, however it is cut', async t => {
  const name = fc
    .array(fc.stringMatching(/^[a-zé][a-z0-9é.-]{0,40}$/), { minLength: 1, maxLength: 6 })
    .map(parts => parts.join('/'))
  const entry = fc.oneof(
    fc.record({ type: fc.constant('file' as const), name, text: fc.string({ maxLength: 1500 }) }),
    fc.record({ type: fc.constant('folder' as const), name }),
    fc.record({ type: fc.constant('link' as const), name, target: name }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 6 }), fc.integer({ min: 1, max: 2000 }), async (wanted, cut) => {
      const entries = wanted.map((one): TarEntry => {
        if (one.type === 'file') return aFile(one.name, one.text)
        return { ...one, mode: 0o755, modified: 7 }
      })
      const whole = await bytesOf(writeEntries(of(...entries)))
      const pieces = Array.from({ length: Math.ceil(whole.length / cut) }, (_, at) =>
        whole.subarray(at * cut, (at + 1) * cut),
      )
      t.strictSame(
        await read(of(...pieces)),
        entries.map((one, index) => {
          const { text } = { text: '', ...wanted[index] }
          return one.type === 'file' ? { ...one, body: text } : one
        }),
      )
    }),
    { numRuns: 60 },
  )
})

t.test('the system’s tar understands what is written, and is understood', async t => {
  const folder = folderOf(t)
  const long = `${'long-'.repeat(18)}name/${'é'.repeat(60)}`
  mkdirSync(join(folder, 'from', 'tree', long), { recursive: true })
  writeFileSync(join(folder, 'from/tree', long, 'deep'), 'deep\n')
  writeFileSync(join(folder, 'from/tree/empty'), '')
  writeFileSync(join(folder, 'from/tree/run'), 'x'.repeat(100_000))
  chmodSync(join(folder, 'from/tree/run'), 0o750)
  symlinkSync('run', join(folder, 'from/tree/link'))
  execFileSync('mkfifo', [join(folder, 'from/tree/pipe')])
  const from = await openFolder(join(folder, 'from'))
  const archive = await bytesOf(writeEntries(packFolder(from, 'tree', 'copy')))
  await from.close()
  mkdirSync(join(folder, 'to'))
  execFileSync('tar', ['-xf', '-', '-C', join(folder, 'to')], { input: archive })
  t.equal(readFileSync(join(folder, 'to/copy', long, 'deep'), 'utf8'), 'deep\n')
  t.equal(readFileSync(join(folder, 'to/copy/run'), 'utf8').length, 100_000)
  t.equal(readlinkSync(join(folder, 'to/copy/link')), 'run')

  for (const format of ['gnu', 'posix', 'ustar', 'v7']) {
    const words = ['--format', format, '-cf', '-', '-C', join(folder, 'from')]
    const names = format === 'gnu' || format === 'posix' ? ['tree'] : ['tree/run', 'tree/empty', 'tree/link']
    const made = execFileSync('tar', [...words, ...names], { maxBuffer: 4e6 })
    const found = await read(of(made))
    t.match(
      found.find(one => 'name' in one && one.name === 'tree/run'),
      { type: 'file', mode: 0o750, size: 100_000 },
      format,
    )
    t.match(
      found.find(one => 'name' in one && one.name === 'tree/link'),
      { type: 'link', target: 'run' },
      format,
    )
    if (names.length === 1) {
      t.ok(
        found.some(one => 'name' in one && one.name === `tree/${long}/deep`),
        format,
      )
      t.match(
        found.find(one => 'name' in one && one.name === 'tree/pipe'),
        { type: 'other' },
        format,
      )
    }
  }
})

t.test('a body that nobody reads is skipped', async t => {
  const names: string[] = []
  for await (const entry of readEntries(writeEntries(of(aFile('a', 'x'.repeat(700)), aFile('b', 'y')))))
    names.push(entry.name)
  t.strictSame(names, ['a', 'b'])
})

t.test('an archive that is cut short, damaged or without bounds is refused', async t => {
  const whole = await bytesOf(writeEntries(of(aFile('a', 'x'.repeat(700)))))
  await t.rejects(read(of(whole.subarray(0, 600))), { message: 'the archive is cut short' })
  const damaged = Buffer.from(whole)
  damaged[3] = 1
  await t.rejects(read(of(damaged)), { message: 'a header of the archive is damaged' })
  const long = await bytesOf(writeEntries(of({ type: 'folder', name: 'n/'.repeat(3000), mode: 0, modified: 0 })))
  await t.rejects(read(of(long)), { message: /longer than 4096 bytes/ })
})

t.test('a body of another length than announced is an error of the writer', async t => {
  await t.rejects(bytesOf(writeEntries(of({ ...aFile('a', 'x'), size: 2 }))), {
    message: 'a has 1 bytes, not the 2 announced',
  })
})
