import t from 'tap'
import { der, readDer } from '../../src/lib/der.ts'
import fc from '../support/fast-check.ts'

t.test('values are written as X.690 says', async t => {
  const cases: readonly [string, Buffer, string][] = [
    ['zero', der.integer(0), '020100'],
    ['a number below 128', der.integer(127), '02017f'],
    ['leading zeros go, a sign byte comes', der.integer(Buffer.from('00ff', 'hex')), '020200ff'],
    ['ecdsa-with-SHA256', der.oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['true', der.boolean(true), '0101ff'],
    ['1970 as UTCTime', der.time(new Date(0)), `170d${Buffer.from('700101000000Z').toString('hex')}`],
    ['9999', der.time(new Date('9999-12-31T23:59:59Z')), `180f${Buffer.from('99991231235959Z').toString('hex')}`],
    ['explicit tag', der.tagged(0, der.integer(2)), 'a003020102'],
  ]
  for (const [name, bytes, hex] of cases) t.equal(bytes.toString('hex'), hex, name)
})

t.test('what is written is read again, whatever its length', async t => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 6 }), parts => {
      const [outer, ...more] = readDer(der.sequence(...parts.map(der.octets)))
      t.equal(more.length, 0)
      const read = readDer(outer?.content ?? Buffer.alloc(0))
      t.strictSame(
        read.map(one => [...one.content]),
        parts.map(part => [...part]),
      )
    }),
    { numRuns: 50 },
  )
})

t.test('bytes from strangers are read or refused, never read past their end', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      try {
        const values = readDer(bytes)
        return values.reduce((sum, one) => sum + one.whole.length, 0) === bytes.length
      } catch (error) {
        return error instanceof RangeError
      }
    }),
  )
  for (const hex of ['30', '3081', '308101', '3003020101ff', '30820001', '3080'])
    t.throws(() => readDer(Buffer.from(hex, 'hex')), RangeError, hex)
})
