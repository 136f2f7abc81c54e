import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault } from '../../api/fault.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import type { Command, Invocation } from '../command.ts'
import { askFor, cardsTable, findCard, flashCard, nextCard } from '../flash/card/flash-card.ts'
import type { DiskFacts } from '../flash/card/judge.ts'
import { imagesOf, packagesOf } from '../flash/given.ts'
import { openImage } from '../flash/image-file.ts'
import { type ImagerEntry, imagerEntry, imagerList } from '../flash/imager-list.ts'
import { labelOf, labelSvg, labelText } from '../flash/label/label.ts'
import { flashOptions } from '../flash/options.ts'
import { type Making, makeOne, type Planned, planOne } from '../flash/plan.ts'
import { writeImageFile } from '../flash/write-file.ts'

export const flash: Command = {
  name: 'flash',
  summary: 'make a stock image for a board one that joins the fleet by itself',
  usage: 'flash IMAGE --output FILE | --device DEVICE [options] | flash --list | flash --imager-list IMAGE…',
  examples: [
    {
      line: 'dunlin flash raspios.img.xz -o barn.img --name barn --package dist/packages',
      says: 'a card that becomes the node barn; its token is made by the hub',
    },
    { line: 'dunlin flash --list', says: 'the cards that may be written' },
    {
      line: 'sudo dunlin flash raspios.img.xz --device sdb --name barn --package dist/packages',
      says: 'onto the card itself, read back and compared',
    },
    {
      line: 'sudo dunlin flash raspios.img.xz --device sdb --name barn --name shed --label-folder labels --package debs',
      says: 'card after card, each with its name, its token and a label',
    },
    {
      line: 'dunlin flash raspios.img.xz -o barn.img --name barn --package debs --wifi Farm --wifi-passphrase-env PASS --country DE',
      says: 'over Wi-Fi',
    },
    { line: 'dunlin flash raspios.img.xz --dry-run --name barn --package debs', says: 'what would be written' },
  ],
  options: flashOptions,
  async run(of) {
    if (of.isSet('list')) {
      of.out.write(cardsTable(of))
      return 0
    }
    if (of.isSet('imager-list')) {
      of.out.write(await imagerListOf(of))
      return 0
    }
    const path = imageWord(of)
    const names = namesOf(of)
    const target = targetOf(of, names)
    const carried = { packages: packagesOf(of), images: imagesOf(of) }
    const work = target.output === undefined ? '/var/tmp' : dirname(target.output)
    const image = await openImage(path, { work, signal: of.signal })
    try {
      await flashAll(of, { image, ...carried }, names, target)
      return 0
    } finally {
      for (const one of [image, ...carried.packages, ...carried.images]) one.close()
    }
  },
}

const imagerListOf = async (of: Invocation): Promise<string> => {
  if (of.words.length === 0)
    throw new Fault('BadRequest', 'which images? For example: dunlin flash --imager-list *.img.xz')
  const boards = of.texts('board')
  const devices = boards.length > 0 ? boards : ['pi3-64bit', 'pi4-64bit', 'pi5-64bit']
  const entries: ImagerEntry[] = []
  for (const path of of.words)
    entries.push(await imagerEntry(path, { base: of.text('url'), devices, work: '/var/tmp', signal: of.signal }))
  return imagerList(entries)
}

/** One card for each name; one without a name where none is given. */
const namesOf = (of: Invocation): readonly (string | undefined)[] => {
  const names = of.texts('name')
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new Fault('BadRequest', `--name=${twice} is given twice; each card is a node of its own`)
  if (names.length > 1)
    for (const option of ['token', 'hostname', 'address'])
      if (of.text(option) !== undefined)
        throw new Fault('BadRequest', `--${option} is good for one card, and ${names.length} names are given`)
  return names.length === 0 ? [undefined] : names
}

const imageWord = (of: Invocation): string => {
  const [path, ...more] = of.words
  if (path !== undefined && more.length === 0) return path
  throw new Fault('BadRequest', 'which image? For example: dunlin flash raspios.img.xz --output barn.img --name barn')
}

interface Target {
  readonly output?: string
  readonly card?: DiskFacts
}

/** Where to; nowhere for a dry run. @throws Fault where it must not go, before anything is read */
const targetOf = (of: Invocation, names: readonly (string | undefined)[]): Target => {
  const output = of.text('output')
  const device = of.text('device')
  if (of.isSet('dry-run')) return {}
  if ((output === undefined) === (device === undefined))
    throw new Fault('BadRequest', 'where to? Name a file with --output, or a card with --device; --dry-run looks first')
  if (device !== undefined) return { card: findCard(of, device) }
  if (output === undefined) return {}
  if (names.length > 1 && !output.includes('{name}'))
    throw new Fault(
      'BadRequest',
      `--output=${output}: for more than one card it must hold {name}, as in cards/{name}.img`,
    )
  const there = names.map(name => outputFor(output, name)).find(path => existsSync(path))
  if (there !== undefined && !of.isSet('yes'))
    throw new Fault('AlreadyExists', `${there} is there already; --yes replaces it`)
  return { output }
}

const outputFor = (output: string, name: string | undefined): string => output.replaceAll('{name}', name ?? 'card')

/** Card after card. All are known to be possible before the first is written. */
const flashAll = async (
  of: Invocation,
  making: Making,
  names: readonly (string | undefined)[],
  target: Target,
): Promise<void> => {
  const planned = names.map(name => planOne(of, making, name))
  if (target.output === undefined && target.card === undefined) {
    for (const one of planned) of.out.write(one.says)
    return
  }
  if (target.card !== undefined) await askFor(of, target.card)
  for (const [at, plan] of planned.entries()) {
    if (at > 0 && target.card !== undefined) await nextCard(of, target.card, plan.wishes.name ?? '')
    await flashOne(of, making, plan, target)
  }
  of.out.note(
    'Start a board with it, and look: dunlin nodes. What it does, and what is wrong, stands in dunlin/status.txt on the card.',
  )
}

const flashOne = async (of: Invocation, making: Making, planned: Planned, { output, card }: Target): Promise<void> => {
  const { name } = planned.wishes
  const { customised, token } = await makeOne(of, making, planned)
  if (output !== undefined) {
    const path = outputFor(output, name)
    writeImageFile({ from: making.image.path, target: path, patches: customised.overlay.patches() })
    of.out.write(`${path} is written: ${customised.layout}, to be the node ${name ?? 'that its host name says'}\n`)
  }
  // The card may be another than the one before, and larger or smaller.
  if (card !== undefined) await flashCard(of, findCard(of, card.name), customised.overlay)
  const folder = of.text('label-folder')
  if (folder === undefined || name === undefined) return
  const label = labelOf(name, token)
  await writeDurably(join(folder, `${name}.svg`), labelSvg(label), 0o644)
  of.out.write(labelText(label))
}
