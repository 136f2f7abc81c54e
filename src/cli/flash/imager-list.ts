import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bootVolume } from './customise/customise.ts'
import { type LayoutName, layoutOf, showLayout } from './customise/layout.ts'
import { openFile, openImage } from './image-file.ts'
import { openOverlay, type Source } from './overlay.ts'

/** An entry of Raspberry Pi Imager's os_list. (rpi-imager: doc/json-schema/os-list-schema.json) */
export interface ImagerEntry {
  readonly name: string
  readonly description: string
  readonly icon: string
  readonly url: string
  readonly extract_size: number
  readonly extract_sha256: string
  readonly image_download_size: number
  readonly image_download_sha256: string
  /** YYYY-MM-DD */
  readonly release_date: string
  readonly devices: readonly string[]
  readonly init_format: 'none' | 'systemd' | 'cloudinit' | 'cloudinit-rpi'
}

/** By what Imager may add its own customisation to a system. */
const initFormats: Record<LayoutName, ImagerEntry['init_format']> = {
  'Raspberry Pi OS with cloud-init': 'cloudinit-rpi',
  'Raspberry Pi OS with firstrun.sh': 'systemd',
  'Debian or Ubuntu for the Pi with cloud-init': 'cloudinit',
  'Debian cloud image': 'none',
  'Dunlin image': 'none',
}

const icon = `data:image/svg+xml;base64,${Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3" fill="#456"/></svg>',
).toString('base64')}`

/**
 * What the list says of one image file, compressed or not.
 *
 * @param base where the file will be fetched from; the file itself where it is not given
 * @throws Fault for what is no image, or of no known system
 */
export const imagerEntry = async (
  path: string,
  of: {
    readonly base?: string | undefined
    readonly devices: readonly string[]
    readonly work: string
    readonly signal: AbortSignal
  },
): Promise<ImagerEntry> => {
  const packed = openFile(path)
  const image = await openImage(path, of)
  try {
    const released = statSync(path).mtime
    const layout = layoutOf(showLayout(bootVolume(openOverlay(image), released)))
    const file = basename(path)
    return {
      name: file.replace(/\.img(?:\.\w+)?$/, ''),
      description: `${layout}, prepared for Dunlin`,
      icon,
      url:
        of.base === undefined
          ? pathToFileURL(resolve(path)).href
          : `${of.base.replace(/\/$/, '')}/${encodeURIComponent(file)}`,
      extract_size: image.length,
      extract_sha256: hashOf(image),
      image_download_size: packed.length,
      image_download_sha256: hashOf(packed),
      release_date: released.toISOString().slice(0, 10),
      devices: of.devices,
      init_format: initFormats[layout],
    }
  } finally {
    packed.close()
    image.close()
  }
}

/** The file that Imager reads: `rpi-imager --repo FILE`. */
export const imagerList = (entries: readonly ImagerEntry[]): string =>
  `${JSON.stringify({ imager: {}, os_list: entries }, undefined, 2)}\n`

const pieceBytes = 4 * 1024 * 1024

const hashOf = (source: Source): string => {
  const hash = createHash('sha256')
  for (let at = 0; at < source.length; at += pieceBytes)
    hash.update(source.read(at, Math.min(pieceBytes, source.length - at)))
  return hash.digest('hex')
}
