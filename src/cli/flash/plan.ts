import { randomBytes } from 'node:crypto'
import type { Invocation } from '../command.ts'
import { formatTable } from '../table.ts'
import type { Carried } from './customise/changes-for.ts'
import { type Customised, customise } from './customise/customise.ts'
import type { Wishes } from './customise/wishes.ts'
import { wishesOf, withToken } from './given.ts'
import type { ImageFile } from './image-file.ts'

/** What cards are made of. */
export interface Making {
  readonly image: ImageFile
  readonly packages: readonly Carried[]
  readonly images: readonly Carried[]
}

/** A card that is known to be possible; its token is still to be made. */
export interface Planned {
  readonly wishes: Wishes
  readonly customised: Customised
  /** For people: which files would be written. */
  readonly says: string
}

/** @throws Fault for whatever is wrong with the wishes or the image; nothing was written, no token was made */
export const planOne = (of: Invocation, making: Making, name: string | undefined): Planned => {
  const wishes = wishesOf(of, name)
  const customised = customiseFor(of, making, wishes)
  return { wishes, customised, says: whatWouldBe(customised) }
}

/** The card with its token. @throws Fault as the hub says */
export const makeOne = async (
  of: Invocation,
  making: Making,
  planned: Planned,
): Promise<{ readonly customised: Customised; readonly token: string }> => {
  const wishes = await withToken(of, planned.wishes)
  return { customised: customiseFor(of, making, wishes), token: wishes.token }
}

const customiseFor = (of: Invocation, { image, packages, images }: Making, wishes: Wishes): Customised =>
  customise(image, {
    wishes,
    packages,
    images,
    instanceId: `dunlin-${randomBytes(6).toString('hex')}`,
    now: new Date(of.now()),
  })

const whatWouldBe = (done: Customised): string =>
  `${done.layout}\n${formatTable([
    ['FILE', 'BYTES', 'WHAT'],
    ...done.changes.files.map(({ path, content, says }) => [
      path,
      String(typeof content === 'string' ? Buffer.byteLength(content) : content.length),
      says,
    ]),
  ])}${Math.floor(done.freeBytes / 1024 / 1024)} MiB stay free on the boot partition. Nothing was written.\n`
