import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import { askFor, cardsTable, findCard, flashCard } from '../flash/card/flash-card.ts'
import type { DiskFacts } from '../flash/card/judge.ts'
import { imagesOf, packagesOf } from '../flash/given.ts'
import { openImage } from '../flash/image-file.ts'
import { flashOptions } from '../flash/options.ts'
import { type Making, makeOne, planOne } from '../flash/plan.ts'
import { writeImageFile } from '../flash/write-file.ts'

export const flash: Command = {
  name: 'flash',
  summary: 'make a stock image for a board one that joins the fleet by itself',
  usage: 'flash IMAGE --output FILE | --device DEVICE [options]',
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
    const path = imageWord(of)
    const target = targetOf(of)
    const carried = { packages: packagesOf(of), images: imagesOf(of) }
    const work = target.output === undefined ? '/var/tmp' : dirname(target.output)
    const image = await openImage(path, { work, signal: of.signal })
    try {
      await flashOne(of, { image, ...carried }, target)
      return 0
    } finally {
      for (const one of [image, ...carried.packages, ...carried.images]) one.close()
    }
  },
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
const targetOf = (of: Invocation): Target => {
  const output = of.text('output')
  const device = of.text('device')
  if (of.isSet('dry-run')) return {}
  if ((output === undefined) === (device === undefined))
    throw new Fault('BadRequest', 'where to? Name a file with --output, or a card with --device; --dry-run looks first')
  if (device !== undefined) return { card: findCard(of, device) }
  if (output === undefined) return {}
  if (existsSync(output) && !of.isSet('yes'))
    throw new Fault('AlreadyExists', `${output} is there already; --yes replaces it`)
  return { output }
}

const flashOne = async (of: Invocation, making: Making, { output, card }: Target): Promise<void> => {
  const name = of.text('name')
  const planned = planOne(of, making, name)
  if (output === undefined && card === undefined) {
    of.out.write(planned.says)
    return
  }
  if (card !== undefined) await askFor(of, card)
  const done = await makeOne(of, making, planned)
  if (output !== undefined) {
    writeImageFile({ from: making.image.path, target: output, patches: done.overlay.patches() })
    of.out.write(`${output} is written: ${done.layout}, to be the node ${name ?? 'that its host name says'}\n`)
  }
  if (card !== undefined) await flashCard(of, card, done.overlay)
  of.out.note(
    'Start the board with it, and look: dunlin nodes. What it does, and what is wrong, stands in dunlin/status.txt on the card.',
  )
}
