/** An SD card or eMMC, as it says of itself (CID register). It stays the same until it is changed for another. */
export interface CardFacts {
  /** `mmcblk0` */
  readonly device: string
  readonly type: 'SD' | 'MMC'
  /** Product name: `SC16G`. */
  readonly name: string
  readonly manufacturer: string
  /** Month of manufacture, `2021-03`; absent where it does not say. */
  readonly date?: string
}

/** How worn a card is, and what was written to it. SD cards do not tell their wear; eMMC does from 5.0 on. */
export interface CardWear {
  readonly device: string
  /** At least so much of its life is used, percent, in steps of ten. */
  readonly lifeUsedPercent?: number
  /** How its spare blocks are: 1 fine, 2 below a fifth, 3 below a tenth. */
  readonly preEol?: number
  /** Since boot. */
  readonly writtenBytes?: number
}

/** Files of /sys/block/<device>/device as texts (kernel documentation, "SD and MMC Device Attributes"). */
export interface CardFiles {
  readonly type: string | undefined
  readonly name: string | undefined
  readonly manfid: string | undefined
  readonly date: string | undefined
}

/** Manufacturer ids of the CID, as the kernel's own tables and card makers have them. SD and MMC count apart. */
const makers: { readonly [type in CardFacts['type']]: { readonly [id: number]: string } } = {
  SD: {
    1: 'Panasonic',
    2: 'Toshiba',
    3: 'SanDisk',
    9: 'ATP',
    18: 'Gigastone',
    19: 'KingMax',
    27: 'Samsung',
    29: 'ADATA',
    39: 'Phison',
    40: 'Lexar',
    49: 'Silicon-Power',
    65: 'Kingston',
    93: 'Swissbit',
    116: 'Transcend',
    118: 'Patriot',
    130: 'Sony',
    159: 'Kingston',
  },
  MMC: {
    2: 'SanDisk',
    17: 'Toshiba',
    19: 'Micron',
    21: 'Samsung',
    69: 'SanDisk',
    112: 'Kingston',
    144: 'SK-Hynix',
    254: 'Micron',
  },
}

/**
 * What a card says of itself; undefined where the files are not those of a card.
 *
 * @example cardFacts('mmcblk0', { type: 'SD\n', name: 'SC16G\n', manfid: '0x000003\n', date: '03/2021\n' })
 */
export const cardFacts = (device: string, files: CardFiles): CardFacts | undefined => {
  const type = files.type?.trim()
  const name = files.name?.replaceAll('\0', '').trim()
  if ((type !== 'SD' && type !== 'MMC') || name === undefined || name === '') return undefined
  const id = hexIn(files.manfid)
  const [, month, year] = /^(\d{2})\/(\d{4})\s*$/.exec(files.date ?? '') ?? []
  return {
    device,
    type,
    name: name.slice(0, 32),
    manufacturer: id === undefined ? 'unknown' : (makers[type][id] ?? `0x${id.toString(16).padStart(2, '0')}`),
    ...(month === undefined ? {} : { date: `${year}-${month}` }),
  }
}

/**
 * A card's wear out of the texts of `life_time`, `pre_eol_info` and the block device's `stat`.
 *
 * @example cardWear('mmcblk0', { lifeTime: '0x01 0x03\n', preEol: '0x01\n', stat: undefined }) // 20 %, spare blocks fine
 */
export const cardWear = (
  device: string,
  files: {
    readonly lifeTime: string | undefined
    readonly preEol: string | undefined
    readonly stat: string | undefined
  },
): CardWear => {
  // JEDEC JESD84-B51, 7.4.32: 1 is up to a tenth, 11 is past the end, 0 is not defined; one number for each of two areas.
  const used = Math.max(
    0,
    ...(files.lifeTime ?? '')
      .trim()
      .split(/\s+/)
      .map(one => hexIn(one) ?? 0),
  )
  const preEol = hexIn(files.preEol)
  // kernel documentation, "Block layer statistics": the seventh number counts sectors of 512 bytes.
  const written = files.stat === undefined ? Number.NaN : Number(files.stat.trim().split(/\s+/)[6])
  return {
    device,
    ...(used >= 1 && used <= 11 ? { lifeUsedPercent: (used - 1) * 10 } : {}),
    ...(preEol !== undefined && preEol >= 1 && preEol <= 3 ? { preEol } : {}),
    ...(Number.isSafeInteger(written) ? { writtenBytes: written * 512 } : {}),
  }
}

/** Why the card should be changed, or undefined where there is no reason. */
export const wornWhy = (card: CardWear): string | undefined => {
  if (card.preEol === 3) return `${card.device} has less than a tenth of its spare blocks left`
  if ((card.lifeUsedPercent ?? 0) >= 90) return `${card.device} has used ${card.lifeUsedPercent} % of its life or more`
  if (card.preEol === 2) return `${card.device} has less than a fifth of its spare blocks left`
  return undefined
}

/** Whether the card says anything of its wear. */
export const tellsWear = (card: CardWear): boolean => card.lifeUsedPercent !== undefined || card.preEol !== undefined

const hexIn = (text: string | undefined): number | undefined => {
  const found = /^0x([0-9a-f]{1,8})\s*$/i.exec(text ?? '')?.[1]
  return found === undefined ? undefined : Number.parseInt(found, 16)
}
