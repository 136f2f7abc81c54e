import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { writeTar } from '../../src/lib/tar.ts'
import { guardTar, TarRefusal } from '../../src/lib/tar-guard.ts'
import fc from '../support/fast-check.ts'
import { folderOf } from '../support/folder-of.ts'

/** A header that is fine, with these fields; the checksum is made to fit. */
const entry = (of: {
  readonly name: string
  readonly type?: string
  readonly link?: string
  readonly size?: number
}): Buffer => {
  const header = Buffer.alloc(512)
  header.write(of.name, 0)
  header.write('0000644\0', 100)
  header.write(`${(of.size ?? 0).toString(8).padStart(11, '0')}\0`, 124)
  header.write(of.type ?? '0', 156)
  header.write(of.link ?? '', 157)
  header.write('ustar\x0000', 257, 'latin1')
  header.write('        ', 148)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}
const end = Buffer.alloc(1024)
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)])

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const through = async (bytes: Uint8Array, size = 700): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  for await (const part of guardTar(inPieces(bytes, size))) parts.push(part)
  return Buffer.concat(parts)
}

const refusal = async (...parts: readonly Buffer[]): Promise<string> => {
  try {
    await through(Buffer.concat([...parts, end]))
    return 'nothing'
  } catch (error) {
    if (error instanceof TarRefusal) return error.message
    throw error
  }
}

const pax = (records: string): Buffer => {
  const bytes = Buffer.from(records)
  return Buffer.concat([entry({ name: 'pax', type: 'x', size: bytes.length }), padded(bytes)])
}

t.test('an archive that stays in its folder goes through as it is, in whatever pieces', async t => {
  const folder = folderOf(t)
  mkdirSync(`${folder}/a/deep/${'long'.repeat(40)}`, { recursive: true })
  writeFileSync(`${folder}/a/deep/${'long'.repeat(40)}/${'name'.repeat(20)}`, 'x'.repeat(100_000))
  writeFileSync(`${folder}/a/small`, 'y')
  symlinkSync('deep/../small', `${folder}/a/inside`)
  for (const format of ['gnu', 'pax', 'ustar']) {
    const made = spawnSync('tar', ['-C', folder, `--format=${format}`, '-cf', '-', 'a'], { maxBuffer: 10_000_000 })
    if (made.status !== 0) continue
    for (const size of [33, 511, 512, 1_000_000])
      t.ok((await through(made.stdout, size)).equals(made.stdout), `${format} in pieces of ${size}`)
  }
  const body = (async function* () {
    yield Buffer.from('hi')
  })()
  const parts: Uint8Array[] = []
  for await (const part of writeTar([{ name: 'x', size: 2, body }], 0)) parts.push(part)
  t.ok((await through(Buffer.concat(parts))).equals(Buffer.concat(parts)))
})

t.test('what leaves the folder is refused', async t => {
  const outside = /leaves the folder/
  t.match(await refusal(entry({ name: '/etc/passwd' })), outside)
  t.match(await refusal(entry({ name: '../evil' })), outside)
  t.match(await refusal(entry({ name: 'a/../../evil' })), outside)
  t.match(await refusal(entry({ name: './../evil', type: '5' })), outside)
  t.match(await refusal(entry({ name: 'l', type: '2', link: '/etc' })), outside)
  t.match(await refusal(entry({ name: 'l', type: '2', link: '..' })), outside)
  t.match(await refusal(entry({ name: 'a/l', type: '2', link: '../../etc' })), outside)
  t.match(await refusal(entry({ name: 'h', type: '1', link: '../secret' })), outside)
  t.match(await refusal(entry({ name: 'h', type: '1', link: '/etc/shadow' })), outside)
  t.equal(await refusal(entry({ name: 'a/l', type: '2', link: '../b' })), 'nothing')
  t.equal(await refusal(entry({ name: 'a/./b' }), entry({ name: 'a/b/../c' })), 'nothing')
})

t.test('what lies behind a link of the same archive is refused', async t => {
  const up = entry({ name: 'd/up', type: '2', link: '..' })
  const out = entry({ name: 'out', type: '2', link: 'd/up/..' })
  t.match(await refusal(up, out, entry({ name: 'out/evil' })), /behind a link/)
  t.match(await refusal(up, entry({ name: 'h', type: '1', link: 'd/up/x' })), outsideOrBehind)
  t.equal(await refusal(up, entry({ name: 'd/up' })), 'nothing', 'a file may take a link’s place')
  t.equal(await refusal(up, entry({ name: 'd/up' }), entry({ name: 'd/up/x' })), 'nothing')
})

const outsideOrBehind = /leaves the folder|behind a link/

t.test('longer names of pax and GNU count, and not the short ones', async t => {
  t.match(await refusal(pax('19 path=../../evil\n'), entry({ name: 'harmless' })), /"..\/..\/evil"/)
  t.match(
    await refusal(pax('17 linkpath=/etc\n'), entry({ name: 'l', type: '2', link: 'harmless' })),
    /link to "\/etc"/,
  )
  const longName = Buffer.from('../evil\0')
  t.match(
    await refusal(
      entry({ name: '././@LongLink', type: 'L', size: longName.length }),
      padded(longName),
      entry({ name: 'harmless' }),
    ),
    /"..\/evil"/,
  )
  t.match(await refusal(pax('99999 path=a\n'), entry({ name: 'harmless' })), /damaged/)
  t.match(await refusal(entry({ name: 'pax', type: 'x', size: 1_000_000 })), /extension header/)
})

t.test('devices, unknown kinds, damaged and cut archives are refused', async t => {
  for (const type of ['3', '4', '6']) t.match(await refusal(entry({ name: 'dev', type })), /device or a pipe/)
  t.match(await refusal(entry({ name: 'odd', type: 'Q' })), /unknown kind/)
  t.match(await refusal(Buffer.alloc(512, 65)), /damaged, or it is no tar/)
  await t.rejects(through(entry({ name: 'a', size: 100 })), /cut short/)
  await t.rejects(through(entry({ name: 'a' }).subarray(0, 300)), /cut short/)
})

t.test('whatever comes is passed on or refused, and never breaks it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 1, max: 1000 }), async (bytes, size) => {
      try {
        return Buffer.from(bytes).equals(await through(bytes, size))
      } catch (error) {
        return error instanceof TarRefusal
      }
    }),
    { numRuns: 200 },
  )
})
