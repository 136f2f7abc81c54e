import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BoardFacts, type BoardReading, parseThrottled } from '../../core/nodes/board.ts'
import { cardFacts, cardWear } from '../../core/nodes/card.ts'
import { piRevision } from '../../core/nodes/pi-revision.ts'
import { textOf } from './text-of.ts'

/** Where this board says what changes; found once, for the names differ between boards and kernels. */
export interface BoardPaths {
  readonly throttled: string | undefined
  readonly lowVoltage: string | undefined
  readonly cards: readonly { readonly device: string; readonly folder: string }[]
}

const mostCards = 4

/**
 * Looks where the board says things. `root` is put before the paths of /proc and /sys; tests give a folder of their own.
 *
 * @example const paths = await findBoard(''); const reading = await readBoard(paths)
 */
export const findBoard = async (root = ''): Promise<BoardPaths> => {
  // `soc` up to Raspberry Pi 4, `soc@107c000000` on a 5.
  const platform = `${root}/sys/devices/platform`
  const socs = (await namesIn(platform)).filter(name => /^soc(@|$)/.test(name))
  const firmwares = socs.map(soc => join(platform, soc, `${soc}:firmware`, 'get_throttled'))
  const blocks = `${root}/sys/block`
  return {
    throttled: await firstThere(firmwares),
    lowVoltage: await lowVoltagePath(`${root}/sys/class/hwmon`),
    cards: (await namesIn(blocks))
      .filter(name => /^mmcblk\d{1,3}$/.test(name))
      .slice(0, mostCards)
      .map(device => ({ device, folder: join(blocks, device) })),
  }
}

/** One look: some five small files of sysfs, which the kernel keeps in memory. */
export const readBoard = async (paths: BoardPaths): Promise<BoardReading> => {
  const [throttled, alarm, cards] = await Promise.all([
    paths.throttled === undefined ? undefined : textOf(paths.throttled),
    paths.lowVoltage === undefined ? undefined : textOf(paths.lowVoltage),
    Promise.all(
      paths.cards.map(async ({ device, folder }) =>
        cardWear(device, {
          lifeTime: await textOf(join(folder, 'device/life_time')),
          preEol: await textOf(join(folder, 'device/pre_eol_info')),
          stat: await textOf(join(folder, 'stat')),
        }),
      ),
    ),
  ])
  const bits = throttled === undefined ? undefined : parseThrottled(throttled)
  return {
    ...(bits === undefined ? {} : { throttled: bits }),
    ...(alarm === undefined ? {} : { isUnderVoltage: alarm.trim() === '1' }),
    cards,
  }
}

/** What the board is: from the device tree where there is one, and from /proc/cpuinfo and DMI where not. */
export const readBoardFacts = async (root = ''): Promise<BoardFacts> => {
  const tree = `${root}/proc/device-tree`
  const [model, serial, code, version, builtAt, supply, cpuinfo, productId, { cards }] = await Promise.all([
    textOf(`${tree}/model`),
    textOf(`${tree}/serial-number`),
    cellOf(`${tree}/system/linux,revision`),
    textOf(`${tree}/chosen/bootloader/version`),
    cellOf(`${tree}/chosen/bootloader/build-timestamp`),
    cellOf(`${tree}/chosen/power/max_current`),
    textOf(`${root}/proc/cpuinfo`),
    textOf(`${root}/sys/class/dmi/id/product_uuid`),
    findBoard(root),
  ])
  const revisionCode = code ?? hexIn(/^Revision\s*:\s*([0-9a-f]{4,8})$/m.exec(cpuinfo ?? '')?.[1])
  const revision = revisionCode === undefined ? undefined : piRevision(revisionCode)
  const found = [serial, /^Serial\s*:\s*([0-9a-f]{16})$/m.exec(cpuinfo ?? '')?.[1], productId]
    .map(plain)
    .find(text => text !== '' && !/^0+$/.test(text))
  const firmware = {
    ...(plain(version) === '' ? {} : { version: plain(version) }),
    ...(builtAt === undefined || builtAt === 0 ? {} : { builtAt }),
  }
  return {
    ...(plain(model) === '' ? {} : { model: plain(model) }),
    ...(found === undefined ? {} : { serial: found }),
    ...(revisionCode === undefined ? {} : { revisionCode }),
    ...(revision === undefined ? {} : { revision }),
    ...(Object.keys(firmware).length === 0 ? {} : { firmware }),
    ...(supply === undefined || supply === 0 ? {} : { supplyMilliamps: supply }),
    cards: (await Promise.all(cards.map(readCard))).filter(card => card !== undefined),
  }
}

const readCard = async ({ device, folder }: BoardPaths['cards'][number]) => {
  const [type, name, manfid, date] = await Promise.all(
    ['type', 'name', 'manfid', 'date'].map(file => textOf(join(folder, 'device', file))),
  )
  return cardFacts(device, { type, name, manfid, date })
}

/** The kernel's driver of the firmware's voltage monitor, where the firmware's own word is not to be had. */
const lowVoltagePath = async (folder: string): Promise<string | undefined> => {
  for (const name of await namesIn(folder))
    if ((await textOf(join(folder, name, 'name')))?.trim() === 'rpi_volt') return join(folder, name, 'in0_lcrit_alarm')
  return undefined
}

/** A number of the device tree: four bytes, the highest first. */
const cellOf = async (path: string): Promise<number | undefined> => {
  const bytes = await readFile(path).catch(() => undefined)
  return bytes?.length === 4 ? bytes.readUInt32BE() : undefined
}

/** Texts of the device tree end with a zero. */
const plain = (text: string | undefined): string => (text ?? '').replaceAll('\0', '').trim().slice(0, 200)

const hexIn = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number.parseInt(digits, 16)

const namesIn = (folder: string): Promise<readonly string[]> =>
  readdir(folder).then(
    names => names.toSorted(),
    () => [],
  )

const firstThere = async (paths: readonly string[]): Promise<string | undefined> => {
  for (const path of paths) if ((await textOf(path)) !== undefined) return path
  return undefined
}
