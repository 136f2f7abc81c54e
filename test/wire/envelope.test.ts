import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { type EnvelopeToRead, type EnvelopeToWrite, readEnvelope, writeEnvelope } from '../../src/wire/envelope.ts'
import { openSealed } from '../../src/wire/seal.ts'
import fc from '../support/fast-check.ts'
import { aSealKey, aSigner } from './keys.ts'

const hub = aSigner()
const other = aSigner()
const node = aSealKey()
const neighbour = aSealKey()

const aMessage = (change: Partial<EnvelopeToWrite> = {}): EnvelopeToWrite => ({
  direction: 'down',
  fleet: 'f1',
  audience: 'uid-1',
  topic: 'd/state',
  tuple: { incarnation: 1, revision: 42, term: 3 },
  session: '',
  issuedAt: 1_700_000_000_000,
  notAfter: 0,
  text: JSON.stringify({ secret: 'the cellar door code' }),
  sealTo: node.publicKey,
  ...change,
})

const reader = (change: Partial<EnvelopeToRead> = {}): EnvelopeToRead => ({
  direction: 'down',
  fleet: 'f1',
  audience: 'uid-1',
  topic: 'd/state',
  verifyKey: id => (id === hub.id ? hub.publicKey : undefined),
  open: (sealed, context) => openSealed(node.privateKey, sealed, context),
  mostPlainBytes: 1_000_000,
  ...change,
})

t.test('what was written is read back, header and text', async t => {
  const { header, text } = readEnvelope(writeEnvelope(aMessage(), hub), reader())
  t.strictSame(header.tuple, { incarnation: 1, revision: 42, term: 3 })
  t.equal(header.issuedAt, 1_700_000_000_000)
  t.equal(text, JSON.stringify({ secret: 'the cellar door code' }))
})

t.test('a broker sees nothing of a sealed body', async t => {
  const text = 'plaintext'.repeat(40)
  const bytes = writeEnvelope(aMessage({ text }), hub)
  t.notOk(bytes.includes('plaintext'))
  t.notSame(writeEnvelope(aMessage({ text }), hub), bytes)
})

const refusals: readonly (readonly [string, () => Uint8Array, Partial<EnvelopeToRead>, RegExp])[] = [
  ['from a key that is not trusted', () => writeEnvelope(aMessage(), other), {}, /not trusted/],
  ['that claims a trusted key', () => writeEnvelope(aMessage(), { ...other, id: hub.id }), {}, /signature/],
  ['for another node', () => writeEnvelope(aMessage({ audience: 'uid-2' }), hub), {}, /audience "uid-2"/],
  ['of another fleet', () => writeEnvelope(aMessage({ fleet: 'f2' }), hub), {}, /fleet "f2"/],
  ['moved to another topic', () => writeEnvelope(aMessage({ topic: 'd/net' }), hub), {}, /topic "d\/net"/],
  ['that goes the other way', () => writeEnvelope(aMessage({ direction: 'up' }), hub), {}, /signature/],
  ['sealed for another node', () => writeEnvelope(aMessage({ sealTo: neighbour.publicKey }), hub), {}, /do not open/],
  ['that is not sealed', () => writeEnvelope({ ...aMessage(), sealTo: undefined as never }, hub), {}, /must be/],
  ['larger than may be read', () => writeEnvelope(aMessage(), hub), { mostPlainBytes: 10 }, /at most 10/],
  ['of no bytes', () => new Uint8Array(), {}, /not an envelope/],
  ['of a later format', () => flip(writeEnvelope(aMessage(), hub), 2), {}, /format/],
]

for (const [what, bytes, change, message] of refusals) {
  t.test(`an envelope ${what} is refused, with the reason`, async t => {
    try {
      readEnvelope(bytes(), reader(change))
      t.fail('was read')
    } catch (error) {
      t.ok(isFault(error, 'Malformed', 'Distrusted'))
      t.match((error as Error).message, message)
    }
  })
}

const flip = (bytes: Buffer, at: number): Buffer => {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 0x41
  return changed
}

t.test('no bit can change and no byte can be missing', async t => {
  const bytes = writeEnvelope(aMessage(), hub)
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ mask
      t.throws(() => readEnvelope(changed, reader()))
      t.throws(() => readEnvelope(bytes.subarray(0, at), reader()))
    }),
    { numRuns: 150 },
  )
})

t.test('a body that inflates to more than it says is stopped at what it says', async t => {
  // A signer that cheats: the length in the header is that of a shorter text.
  const honest = writeEnvelope({ ...aMessage({ text: 'x'.repeat(1_000_000) }), sealTo: undefined as never }, hub)
  const header = honest.length - 64
  t.ok(header < 10_000)
  t.throws(() => readEnvelope(honest, reader({ open: undefined as never, mostPlainBytes: 1000 })), /announces 1000000/)
})

t.test('bytes that are noise are never anything but a Malformed or Distrusted fault', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), noise => {
      const bytes = Buffer.concat([Buffer.from('DL\x01\x01'), noise])
      try {
        readEnvelope(bytes, reader())
        return false
      } catch (error) {
        return isFault(error, 'Malformed', 'Distrusted')
      }
    }),
  )
})
