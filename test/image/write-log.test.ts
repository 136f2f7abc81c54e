import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type LoggedWrite, readWriteLog, writesAfterCut } from './write-log.ts'

/** A log as QEMU writes it, with sectors of 512 bytes. */
const logOf = (
  entries: readonly { readonly at: number; readonly sectors: number; readonly flags: number }[],
): Buffer => {
  const head = Buffer.alloc(512)
  head.writeBigUInt64LE(0x6a736677736872n, 0)
  head.writeBigUInt64LE(1n, 8)
  head.writeBigUInt64LE(BigInt(entries.length), 16)
  head.writeUInt32LE(512, 24)
  const parts = entries.flatMap(({ at, sectors, flags }, index) => {
    const line = Buffer.alloc(512)
    line.writeBigUInt64LE(BigInt(at), 0)
    line.writeBigUInt64LE(BigInt(sectors), 8)
    line.writeBigUInt64LE(BigInt(flags), 16)
    return (flags & 4) !== 0 ? [line] : [line, Buffer.alloc(sectors * 512, index)]
  })
  return Buffer.concat([head, ...parts])
}

const place = (t: { testdir(): string }, bytes: Buffer): string => {
  const path = join(mkdtempSync(join(t.testdir(), 'log-')), 'log.bin')
  writeFileSync(path, bytes)
  return path
}

t.test('a log of writes is read: where each goes, how long it is, and where its bytes lie', async t => {
  const path = place(
    t,
    logOf([
      { at: 8, sectors: 2, flags: 0 },
      { at: 0, sectors: 0, flags: 1 },
      { at: 100, sectors: 64, flags: 4 },
      { at: 16, sectors: 1, flags: 2 },
    ]),
  )
  const writes = readWriteLog(path)
  t.strictSame(
    writes.map(one => [one.at, one.bytes, one.from]),
    [
      [4096, 1024, 1024],
      [0, 0, 2560],
      [51_200, 32_768, 3072],
      [8192, 512, 3584],
    ],
  )
  t.strictSame(
    writes.map(one => one.isFlush),
    [false, true, false, false],
  )
  t.equal(writes[3]?.isForced, true)
})

t.test('what is no log, or ends inside an entry, is refused', async t => {
  t.throws(() => readWriteLog(place(t, Buffer.alloc(512))), /no log of writes/)
  const whole = logOf([
    { at: 0, sectors: 1, flags: 0 },
    { at: 0, sectors: 1, flags: 0 },
  ])
  t.throws(() => readWriteLog(place(t, whole.subarray(0, 1536))), /ends/)
})

const write = (more: Partial<LoggedWrite> = {}): LoggedWrite => ({
  at: 0,
  bytes: 512,
  isFlush: false,
  isForced: false,
  isDiscard: false,
  from: 0,
  ...more,
})

t.test('a cut keeps what a flush has forced out, and of the rest what chance kept', async t => {
  const writes = [write(), write({ bytes: 0, isFlush: true }), write(), write({ isForced: true }), write()]
  t.same(
    writesAfterCut(writes, 5, () => false),
    [0, 3],
  )
  t.same(
    writesAfterCut(writes, 5, () => true),
    [0, 2, 3, 4],
  )
  t.same(
    writesAfterCut(writes, 3, () => false),
    [0],
    'nothing after the cut is there',
  )
  t.same(
    writesAfterCut(writes, 1, () => false),
    [],
    'nothing was flushed yet',
  )
})
