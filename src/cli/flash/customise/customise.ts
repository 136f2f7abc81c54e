import { describeError, Fault } from '../../../api/fault.ts'
import { type FatVolume, openFat } from '../fat/volume.ts'
import { type Overlay, openOverlay, type Source } from '../overlay.ts'
import { type Partition, readPartitions } from '../partitions.ts'
import type { Changes } from './change.ts'
import { type ChangesFor, changesFor } from './changes-for.ts'
import { type LayoutName, layoutOf, showLayout } from './layout.ts'

export interface Customised {
  readonly layout: LayoutName
  /** The image with all changes over it. */
  readonly overlay: Overlay
  readonly changes: Changes
  /** Left on the boot partition, in bytes. */
  readonly freeBytes: number
}

/**
 * Makes a stock image one that joins a hub by itself, without writing anything: the changes lie over the image. One
 * image may be customised any number of times.
 *
 * @throws Fault Malformed (not an image), Machine (an unknown system, a full partition), BadRequest (a wish that cannot be)
 * @example customise(openFile('raspios.img'), { wishes, packages, images: [], instanceId: 'dunlin-1', now: new Date() })
 */
export const customise = (
  image: Source,
  of: Omit<ChangesFor, 'layout' | 'shown'> & { readonly now: Date },
): Customised => {
  const overlay = openOverlay(image)
  const fat = bootVolume(overlay, of.now)
  const shown = showLayout(fat)
  const layout = layoutOf(shown)
  const changes = changesFor({ ...of, layout, shown })
  for (const { path, content } of changes.files) fat.write(path, content)
  if (changes.label !== undefined) fat.setLabel(changes.label)
  fat.flush()
  return { layout, overlay, changes, freeBytes: fat.freeBytes }
}

/** The first partition with FAT: that from which a board starts. */
export const bootVolume = (overlay: Overlay, now: Date): FatVolume => {
  const partitions = readPartitions(overlay)
  const failures: string[] = []
  for (const { offset, length, number } of partitions.filter(isBoot)) {
    try {
      return openFat({ overlay, offset, length, now })
    } catch (error) {
      failures.push(`partition ${number}: ${describeError(error)}`)
    }
  }
  throw new Fault(
    'Malformed',
    `the image has no boot partition that can be written: ${failures.join('; ') || `none of its ${partitions.length} partitions is FAT`}`,
  )
}

const isBoot = (one: Partition): boolean => one.type === 'fat' || one.type === 'efi'
