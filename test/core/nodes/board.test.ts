import t from 'tap'
import { isUnderVoltage, parseThrottled } from '../../../src/core/nodes/board.ts'
import { cardFacts, cardWear, tellsWear, wornWhy } from '../../../src/core/nodes/card.ts'
import { piRevision } from '../../../src/core/nodes/pi-revision.ts'
import fc from '../../support/fast-check.ts'

/** Codes in use, as Raspberry Pi's documentation lists them. */
for (const [code, board, revision, mebibytes, manufacturer] of [
  [0x900021, 'A+', '1.1', 512, 'Sony UK'],
  [0x9000c1, 'Zero W', '1.1', 512, 'Sony UK'],
  [0x902120, 'Zero 2 W', '1.0', 512, 'Sony UK'],
  [0xa01041, '2B', '1.1', 1024, 'Sony UK'],
  [0xa02082, '3B', '1.2', 1024, 'Sony UK'],
  [0xa22082, '3B', '1.2', 1024, 'Embest'],
  [0xa32082, '3B', '1.2', 1024, 'Sony Japan'],
  [0xa52082, '3B', '1.2', 1024, 'Stadium'],
  [0xa020d4, '3B+', '1.4', 1024, 'Sony UK'],
  [0x9020e1, '3A+', '1.1', 512, 'Sony UK'],
  [0xb03115, '4B', '1.5', 2048, 'Sony UK'],
  [0xc03114, '4B', '1.4', 4096, 'Sony UK'],
  [0xd03114, '4B', '1.4', 8192, 'Sony UK'],
  [0xc03130, '400', '1.0', 4096, 'Sony UK'],
  [0xc03141, 'CM4', '1.1', 4096, 'Sony UK'],
  [0xd04170, '5', '1.0', 8192, 'Sony UK'],
  [0xc04180, 'CM5', '1.0', 4096, 'Sony UK'],
  [0xd04190, '500', '1.0', 8192, 'Sony UK'],
  [0xb041a0, 'CM5 Lite', '1.0', 2048, 'Sony UK'],
] as const) {
  t.test(`revision ${code.toString(16)} is a ${board}`, async t => {
    t.match(piRevision(code), { board, revision, memoryMebibytes: mebibytes, manufacturer })
  })
}

t.test('flags above the code change nothing of it, and an old code says nothing', async t => {
  t.strictSame(piRevision(0xa2a02082 | 0), piRevision(0xa02082))
  t.equal(piRevision(0x2a02082)?.processor, 'BCM2837', 'the warranty bit')
  t.equal(piRevision(0x000e), undefined)
  t.equal(piRevision(0), undefined)
})

t.test('a board that came later is told by its numbers', async t => {
  t.match(piRevision(0x80f7f5), { board: 'type 127', processor: 'processor 15', revision: '1.5' })
})

t.test('any number is decoded to something or to nothing', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), code => {
      const found = piRevision(code)
      return found === undefined || (found.board !== '' && found.memoryMebibytes >= 256)
    }),
  )
})

t.test('the firmware’s word is read in both of its forms', async t => {
  t.equal(parseThrottled('50005\n'), 0x50005)
  t.equal(parseThrottled('0x0'), 0)
  for (const odd of ['', 'yes', '0x', '123456789', '-1']) t.equal(parseThrottled(odd), undefined, odd)
})

t.test('either of the two that know of low voltage is believed', async t => {
  t.equal(isUnderVoltage({}), undefined)
  t.equal(isUnderVoltage({ throttled: 0x50000 }), false)
  t.equal(isUnderVoltage({ throttled: 0x50001 }), true)
  t.equal(isUnderVoltage({ isUnderVoltage: true }), true)
  t.equal(isUnderVoltage({ throttled: 0, isUnderVoltage: true }), true)
})

const sd = { type: 'SD\n', name: 'SC16G\n', manfid: '0x000003\n', date: '03/2021\n' }

t.test('a card is named by its maker and its month', async t => {
  t.strictSame(cardFacts('mmcblk0', sd), {
    device: 'mmcblk0',
    type: 'SD',
    name: 'SC16G',
    manufacturer: 'SanDisk',
    date: '2021-03',
  })
  t.equal(cardFacts('mmcblk0', { ...sd, manfid: '0x00001b\n' })?.manufacturer, 'Samsung')
  t.equal(cardFacts('mmcblk0', { ...sd, type: 'MMC\n', manfid: '0x000015\n' })?.manufacturer, 'Samsung')
  t.equal(cardFacts('mmcblk0', { ...sd, manfid: '0x0000fa\n' })?.manufacturer, '0xfa', 'one that is not known')
})

t.test('what is no card, or says it oddly, is not taken for more than it says', async t => {
  t.equal(cardFacts('mmcblk0', { ...sd, type: 'SDIO\n' }), undefined)
  t.equal(cardFacts('mmcblk0', { ...sd, name: undefined }), undefined)
  t.match(cardFacts('mmcblk0', { ...sd, manfid: 'x', date: '2021' }), { manufacturer: 'unknown', date: undefined })
})

const wear = (lifeTime?: string, preEol?: string, stat?: string) => cardWear('mmcblk0', { lifeTime, preEol, stat })

t.test('wear is the worse of the two areas, at least so much of a life', async t => {
  t.strictSame(wear('0x01 0x03\n', '0x01\n'), { device: 'mmcblk0', lifeUsedPercent: 20, preEol: 1 })
  t.equal(wear('0x0b 0x01\n').lifeUsedPercent, 100)
  t.strictSame(wear('0x00 0x00\n', '0x00\n'), { device: 'mmcblk0' }, 'not defined')
  t.notOk(tellsWear(wear('0x00 0x00\n')))
  t.strictSame(wear('many', '0x7'), { device: 'mmcblk0' })
})

t.test('bytes written are sectors of 512', async t => {
  const stat = '    1234       10    98765     400     5678      20   204800     900        0     700     1300\n'
  t.equal(wear(undefined, undefined, stat).writtenBytes, 204_800 * 512)
  t.equal(wear(undefined, undefined, 'torn').writtenBytes, undefined)
})

t.test('a card is worn when its spare blocks or its life run out', async t => {
  for (const [life, preEol, why] of [
    ['0x01 0x01', '0x01', undefined],
    ['0x09 0x01', '0x01', undefined],
    ['0x0a 0x01', '0x01', /used 90 % of its life or more/],
    ['0x0b 0x0b', undefined, /used 100 %/],
    ['0x01 0x01', '0x02', /less than a fifth of its spare blocks/],
    ['0x0b 0x01', '0x03', /less than a tenth/],
    [undefined, undefined, undefined],
  ] as const) {
    const found = wornWhy(wear(life, preEol))
    if (why === undefined) t.equal(found, undefined, `${life} ${preEol}`)
    else t.match(found, why)
  }
})
