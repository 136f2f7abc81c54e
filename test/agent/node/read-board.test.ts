import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { boardLabels } from '../../../src/agent/node/board-labels.ts'
import { findBoard, readBoard, readBoardFacts } from '../../../src/agent/node/read-board.ts'
import { labelValue, qualifiedName } from '../../../src/api/names.ts'
import { boardLabelKeys } from '../../../src/core/nodes/board.ts'

/** A board of files. */
const treeOf = async (t: Test, files: { readonly [path: string]: string | Uint8Array }): Promise<string> => {
  const root = t.testdir()
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

const cell = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const card = '/sys/block/mmcblk0'
const aPi4 = {
  '/proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  '/proc/device-tree/serial-number': '100000003a5b7c9d\0',
  '/proc/device-tree/system/linux,revision': cell(0xc03114),
  '/proc/device-tree/chosen/bootloader/version': '8ba17717fbcedd4c3b6d4bce7e50c7af4155cba9\0',
  '/proc/device-tree/chosen/bootloader/build-timestamp': cell(1_673_458_853),
  '/sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
  [`${card}/device/type`]: 'SD\n',
  [`${card}/device/name`]: 'SC16G\n',
  [`${card}/device/manfid`]: '0x000003\n',
  [`${card}/device/date`]: '03/2021\n',
  [`${card}/stat`]: '1 0 8 0 5 0 2048 0 0 0 0\n',
  '/sys/block/mmcblk0boot0/stat': '0 0 0 0 0 0 0 0 0 0 0\n',
  '/sys/block/loop0/stat': '0 0 0 0 0 0 0 0 0 0 0\n',
}

t.test('a Raspberry Pi 4 with Raspberry Pi OS says what it is', async t => {
  const root = await treeOf(t, aPi4)
  t.strictSame(boardLabels(await readBoardFacts(root)), {
    'dunlin.io/model': 'Raspberry-Pi-4-Model-B-Rev-1.4',
    'dunlin.io/serial': '100000003a5b7c9d',
    'dunlin.io/board': '4B',
    'dunlin.io/board-revision': '1.4',
    'dunlin.io/revision-code': 'c03114',
    'dunlin.io/processor': 'BCM2711',
    'dunlin.io/board-memory': '4096Mi',
    'dunlin.io/board-manufacturer': 'Sony-UK',
    'dunlin.io/firmware': '2023-01-11',
    'dunlin.io/firmware-version': '8ba17717fbce',
    'dunlin.io/card': 'SC16G',
    'dunlin.io/card-type': 'SD',
    'dunlin.io/card-manufacturer': 'SanDisk',
    'dunlin.io/card-date': '2021-03',
  })
  t.strictSame(await readBoard(await findBoard(root)), {
    throttled: 0x50005,
    cards: [{ device: 'mmcblk0', writtenBytes: 1_048_576 }],
  })
})

t.test('a Raspberry Pi 5 says what its supply gives, at another place', async t => {
  const root = await treeOf(t, {
    '/proc/device-tree/model': 'Raspberry Pi 5 Model B Rev 1.0\0',
    '/proc/device-tree/system/linux,revision': cell(0xd04170),
    '/proc/device-tree/chosen/power/max_current': cell(3000),
    '/sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled': '0\n',
  })
  t.match(boardLabels(await readBoardFacts(root)), { 'dunlin.io/board': '5', 'dunlin.io/supply': '3000mA' })
  t.match(await readBoard(await findBoard(root)), { throttled: 0 })
})

t.test('with a kernel of Debian the driver of the voltage monitor is asked', async t => {
  const files = {
    '/sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
    '/sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
    '/sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n',
  }
  const root = await treeOf(t, files)
  const paths = await findBoard(root)
  t.strictSame(await readBoard(paths), { isUnderVoltage: true, cards: [] })
  await writeFile(join(root, '/sys/class/hwmon/hwmon1/in0_lcrit_alarm'), '0\n')
  t.strictSame(await readBoard(paths), { isUnderVoltage: false, cards: [] })
})

t.test('an eMMC tells its wear', async t => {
  const root = await treeOf(t, {
    [`${card}/device/type`]: 'MMC\n',
    [`${card}/device/name`]: 'BJTD4R\n',
    [`${card}/device/manfid`]: '0x000015\n',
    [`${card}/device/life_time`]: '0x02 0x01\n',
    [`${card}/device/pre_eol_info`]: '0x01\n',
  })
  t.strictSame((await readBoard(await findBoard(root))).cards, [{ device: 'mmcblk0', lifeUsedPercent: 10, preEol: 1 }])
  t.match((await readBoardFacts(root)).cards, [{ type: 'MMC', manufacturer: 'Samsung' }])
})

t.test('where the device tree is silent, /proc/cpuinfo is asked; a PC is known by its product id', async t => {
  const cpuinfo = 'processor\t: 0\n\nHardware\t: BCM2835\nRevision\t: a02082\nSerial\t\t: 00000000765fc593\n'
  t.match(await readBoardFacts(await treeOf(t, { '/proc/cpuinfo': cpuinfo })), {
    serial: '00000000765fc593',
    revision: { board: '3B' },
  })
  const id = '4c4c4544-0042-3510-8051-b4c04f4e3432'
  t.strictSame(await readBoardFacts(await treeOf(t, { '/sys/class/dmi/id/product_uuid': `${id}\n` })), {
    serial: id,
    cards: [],
  })
})

t.test('a serial of zeros is none, and a torn number is none', async t => {
  const root = await treeOf(t, {
    '/proc/device-tree/serial-number': '0000000000000000\0',
    '/proc/device-tree/system/linux,revision': Buffer.from([1, 2]),
    '/proc/device-tree/model': '\0',
  })
  t.strictSame(await readBoardFacts(root), { cards: [] })
})

t.test('this machine is read, whatever it is', async t => {
  t.ok(await readBoardFacts())
  t.ok(await readBoard(await findBoard()))
})

t.test('every label is one that Kubernetes takes, whatever a card or a firmware says', async t => {
  for (const key of boardLabelKeys) t.equal(qualifiedName(key), undefined, key)
  const odd = boardLabels({
    model: '../../$(reboot) Ünïcode '.repeat(20),
    serial: '-_.',
    firmware: { version: 'a b', builtAt: 0 },
    cards: [{ device: 'mmcblk0', type: 'SD', name: '\u0007ÿ-', manufacturer: '0xfa' }],
  })
  for (const [key, value] of Object.entries(odd)) t.equal(labelValue(value), undefined, `${key}=${value}`)
  t.notOk('dunlin.io/serial' in odd)
  t.notOk('dunlin.io/card' in odd)
})
