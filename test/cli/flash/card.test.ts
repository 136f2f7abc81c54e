import t from 'tap'
import { cardFault } from '../../../src/cli/flash/card/card-fault.ts'
import { type DiskFacts, describeDisk, whyNot } from '../../../src/cli/flash/card/judge.ts'
import { progressText } from '../../../src/cli/flash/card/progress.ts'

const aCard = (change: Partial<DiskFacts> = {}): DiskFacts => ({
  name: 'sdb',
  bytes: 31_914_983_424,
  isRemovable: true,
  isReadOnly: false,
  isLoop: false,
  bus: 'usb',
  model: 'Generic STORAGE DEVICE',
  usedFor: [],
  holders: [],
  ...change,
})

t.test('a card or a USB device may be written over, and nothing else', async t => {
  const cases: readonly (readonly [Partial<DiskFacts>, RegExp | undefined])[] = [
    [{}, undefined],
    // A slot for SD cards in a laptop, and USB disks that do not say that they are removable.
    [{ isRemovable: false, bus: 'mmc' }, undefined],
    [{ isRemovable: false, bus: 'usb' }, undefined],
    [{ isRemovable: false, bus: 'other' }, /a disk of this machine/],
    [{ usedFor: ['mounted at /'] }, /it carries this system \(mounted at \/\)/],
    [{ bus: 'mmc', usedFor: ['mounted at /media/me/data', 'mounted at /boot/firmware'] }, /it carries this system/],
    [{ usedFor: ['swapped to'] }, /it carries this system \(swapped to\)/],
    [{ usedFor: ['mounted at /media/me/CARD'] }, /mounted at \/media\/me\/CARD; take it out of use first: sudo umount/],
    [{ holders: ['dm-0'] }, /held by dm-0/],
    [{ isReadOnly: true }, /read-only: look for the switch/],
    [{ bytes: 0 }, /there is no card in it/],
    [{ isLoop: true, isRemovable: true }, /no card and no USB device/],
  ]
  for (const [change, why] of cases) {
    const found = whyNot(aCard(change), {})
    if (why === undefined) t.equal(found, undefined, JSON.stringify(change))
    else t.match(found, why, JSON.stringify(change))
  }
  t.equal(whyNot(aCard({ isLoop: true, bus: 'other', isRemovable: false }), { allowLoop: true }), undefined)
  t.match(whyNot(aCard({ isLoop: true, usedFor: ['mounted at /usr'] }), { allowLoop: true }), /carries this system/)
  t.equal(describeDisk(aCard()), 'Generic STORAGE DEVICE, 31.9 GB, usb')
})

t.test('what the kernel says of a card is told in words, and what was half written is not called done', async t => {
  const said = (code: string, place?: number): string =>
    cardFault('/dev/sdb', Object.assign(new Error(code), { code }), place).message
  t.equal(
    said('ENODEV', 130_000_000),
    '/dev/sdb at 123 MiB: it is gone: the card was taken out. What is on it now is of no use: write it again, or take another card',
  )
  t.match(said('EIO', 0), /does not take or give the data: .* of no use/)
  t.match(said('ENOSPC', 5_000_000), /ended before its stated size/)
  t.equal(said('EBUSY'), '/dev/sdb: it is in use (mounted, or opened by another program); take it out of use first')
  t.match(said('EACCES'), /run this with sudo/)
})

t.test('progress has speed and time left', async t => {
  t.equal(progressText({ what: 'writing', done: 0, total: 100, ms: 0 }), 'writing 0 %')
  t.equal(
    progressText({ what: 'writing', done: 500_000_000, total: 2_000_000_000, ms: 20_000 }),
    'writing 25 %, 25.0 MB/s, 1:00 left',
  )
})
