import { createHash } from 'node:crypto'
import t from 'tap'
import { sha256Hex } from '../../src/lib/sha256.ts'
import fc from '../support/fast-check.ts'

t.test('it gives what the specification gives', async t => {
  t.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t.equal(sha256Hex(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

t.test('it agrees with OpenSSL on any text, also at the edges of a block', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), text => {
      return sha256Hex(text) === createHash('sha256').update(text).digest('hex')
    }),
  )
  for (const length of [54, 55, 56, 63, 64, 65, 119, 120]) {
    const text = 'x'.repeat(length)
    t.equal(sha256Hex(text), createHash('sha256').update(text).digest('hex'), `${length} bytes`)
  }
})
