import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import { type Customised, customise } from '../flash/customise/customise.ts'
import { imagesOf, packagesOf, wishesOf, withToken } from '../flash/given.ts'
import { type ImageFile, openImage } from '../flash/image-file.ts'
import { flashOptions } from '../flash/options.ts'
import { writeImageFile } from '../flash/write-file.ts'
import { formatTable } from '../table.ts'

export const flash: Command = {
  name: 'flash',
  summary: 'make a stock image for a board one that joins the fleet by itself',
  usage: 'flash IMAGE --output FILE [options]',
  examples: [
    {
      line: 'dunlin flash raspios.img.xz -o barn.img --name barn --package dist/packages',
      says: 'a card that becomes the node barn; its token is made by the hub',
    },
    {
      line: 'dunlin flash raspios.img.xz -o barn.img --name barn --package debs --wifi Farm --wifi-passphrase-env PASS --country DE',
      says: 'over Wi-Fi',
    },
    { line: 'dunlin flash raspios.img.xz --dry-run --name barn --package debs', says: 'what would be written' },
  ],
  options: flashOptions,
  async run(of) {
    const [path, ...more] = of.words
    if (path === undefined || more.length > 0)
      throw new Fault(
        'BadRequest',
        'which image? For example: dunlin flash raspios.img.xz --output barn.img --name barn',
      )
    const output = of.text('output')
    if (output === undefined && !of.isSet('dry-run'))
      throw new Fault('BadRequest', 'where to? Name a file with --output=FILE, or look first with --dry-run')
    if (output !== undefined && existsSync(output) && !of.isSet('yes') && !of.isSet('dry-run'))
      throw new Fault('AlreadyExists', `${output} is there already; --yes replaces it`)
    const packages = packagesOf(of)
    const images = imagesOf(of)
    const image = await openImage(path, {
      work: output === undefined ? '/var/tmp' : dirname(output),
      signal: of.signal,
    })
    try {
      await flashOne(of, { image, packages, images, output })
      return 0
    } finally {
      for (const one of [image, ...packages, ...images]) one.close()
    }
  },
}

const flashOne = async (
  of: Invocation,
  to: {
    readonly image: ImageFile
    readonly packages: ReturnType<typeof packagesOf>
    readonly images: ReturnType<typeof imagesOf>
    readonly output: string | undefined
  },
): Promise<void> => {
  const { image, packages, images, output } = to
  const wishes = wishesOf(of, of.text('name'))
  const carried = { packages, images, instanceId: `dunlin-${randomBytes(6).toString('hex')}`, now: new Date(of.now()) }
  const planned = customise(image, { ...carried, wishes })
  if (output === undefined || of.isSet('dry-run')) {
    of.out.write(whatWouldBe(planned))
    return
  }
  // All is known to be right: now the hub makes the token.
  const done = customise(image, { ...carried, wishes: await withToken(of, wishes) })
  writeImageFile({ from: image.path, target: output, patches: done.overlay.patches() })
  of.out.write(`${output} is written: ${done.layout}, to be the node ${wishes.name ?? 'that its host name says'}\n`)
  of.out.note(
    `Write it to a card, start the board, and look: dunlin nodes. What the device does, and what is wrong, stands in dunlin/status.txt on the card.`,
  )
}

const whatWouldBe = (done: Customised): string =>
  `${done.layout}\n${formatTable([
    ['FILE', 'BYTES', 'WHAT'],
    ...done.changes.files.map(({ path, content, says }) => [
      path,
      String(typeof content === 'string' ? Buffer.byteLength(content) : content.length),
      says,
    ]),
  ])}${Math.floor(done.freeBytes / 1024 / 1024)} MiB stay free on the boot partition. Nothing was written.\n`
