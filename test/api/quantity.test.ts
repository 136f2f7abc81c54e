import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatCpu,
  formatDecimal,
  formatMemory,
  milliOf,
  parseQuantity,
  unitsOf,
} from '../../src/api/quantity.ts'
import fc from '../support/fast-check.ts'
import { reasonOf } from './fault-of.ts'

t.test('every suffix means what Kubernetes says', async t => {
  const table: readonly (readonly [string, bigint])[] = [
    ['0', 0n],
    ['1n', 1n],
    ['1u', 1_000n],
    ['1m', 1_000_000n],
    ['1', 1_000_000_000n],
    ['1k', 10n ** 12n],
    ['1M', 10n ** 15n],
    ['1Ki', 1024n * 10n ** 9n],
    ['.5', 500_000_000n],
    ['5.', 5_000_000_000n],
    ['+1.25Gi', 1_342_177_280n * 10n ** 9n],
    ['-100m', -100_000_000n],
    ['1e3', 10n ** 12n],
    ['12E-3', 12_000_000n],
    ['0.0000000001', 1n],
    ['-0.0000000001', -1n],
    ['1E', 10n ** 27n],
    ['12E', 12n * 10n ** 27n],
    ['9Ei', ((1n << 63n) - 1n) * 10n ** 9n],
    ['9999999999999999999', ((1n << 63n) - 1n) * 10n ** 9n],
  ]
  for (const [text, nanos] of table) t.equal(parseQuantity(text), nanos, text)
})

t.test('what is no quantity is refused with a fault that shows it', async t => {
  for (const text of [
    '',
    ' 1',
    '1 ',
    '1.1.1',
    'Mi',
    '.',
    '1mi',
    '1KI',
    '0x10',
    '1,5',
    '--1',
    '1i',
    'NaN',
    '1e',
    '1e1000',
  ]) {
    t.equal(
      reasonOf(() => parseQuantity(text)),
      'Malformed',
      text,
    )
  }
})

t.test('the canonical text is upstream’s', async t => {
  const table: readonly (readonly [string, string])[] = [
    ['0.5', '500m'],
    ['1024Mi', '1Gi'],
    ['1500m', '1500m'],
    ['1000m', '1'],
    ['1000', '1k'],
    ['1e3', '1e3'],
    ['0.1Ki', '102400m'],
    ['64Mi', '64Mi'],
    ['0Mi', '0'],
    ['1000Ki', '1000Ki'],
    ['0.5Mi', '512Ki'],
    ['1Mi', '1Mi'],
    ['100000000', '100M'],
    ['1.5e6', '1500e3'],
  ]
  for (const [text, canonical] of table) t.equal(canonicalQuantity(text), canonical, text)
})

t.test('CPU and memory are written as people know them', async t => {
  t.equal(formatCpu(parseQuantity('0.25')), '250m')
  t.equal(formatCpu(parseQuantity('2000m')), '2')
  t.equal(formatMemory(parseQuantity('65536Ki')), '64Mi')
  t.equal(formatMemory(parseQuantity('1M')), '1000000')
  t.equal(milliOf('0.0001'), 1n)
  t.equal(unitsOf('1.5Ki'), 1536n)
  t.equal(addQuantities('64Mi', '64Mi'), '128Mi')
  t.equal(addQuantities('0', '250m'), '250m')
  t.equal(compareQuantities('1', '1000m'), 0)
  t.equal(compareQuantities('1Ki', '1k'), 1)
})

t.test('reading what was written gives the same amount', async () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), nanos => {
      return (
        parseQuantity(formatDecimal(nanos)) === nanos &&
        parseQuantity(formatMemory(nanos)) === nanos &&
        parseQuantity(canonicalQuantity(formatMemory(nanos))) === nanos
      )
    }),
  )
})

t.test('no text makes it throw anything but a fault', async () => {
  const almost = fc.string({ unit: fc.constantFrom(...'0123456789+-.eEinumkKMGTP'), maxLength: 80 })
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), text => {
      try {
        return typeof parseQuantity(text) === 'bigint'
      } catch (error) {
        return isFault(error, 'Malformed')
      }
    }),
  )
})
