/** A disk of this machine, as the kernel shows it. */
export interface DiskFacts {
  /** sdb, mmcblk0 */
  readonly name: string
  readonly bytes: number
  readonly isRemovable: boolean
  readonly isReadOnly: boolean
  readonly isLoop: boolean
  readonly bus: 'usb' | 'mmc' | 'other'
  readonly model: string
  /** What of it is in use, in words: `mounted at /`. */
  readonly usedFor: readonly string[]
  /** Mappings and arrays that hold it: dm-0, md0. */
  readonly holders: readonly string[]
}

/** Places that make a disk the system's own. */
const ofSystem = /^mounted at (?:\/|\/(?:boot|usr|var|home|etc|nix)(?:\/.*)?)$|^swapped to$/

/**
 * Why this disk must not be written over; undefined where it may be.
 *
 * @param allowLoop for tests: loop devices stand for cards
 * @example whyNot({ name: 'sda', usedFor: ['mounted at /'], … }, {}) // 'it carries this system (mounted at /)'
 */
export const whyNot = (disk: DiskFacts, of: { readonly allowLoop?: boolean }): string | undefined => {
  const system = disk.usedFor.find(use => ofSystem.test(use))
  if (system !== undefined) return `it carries this system (${system})`
  const isCard = disk.isLoop ? of.allowLoop === true : disk.isRemovable || disk.bus !== 'other'
  if (!isCard) return 'it is no card and no USB device, but a disk of this machine'
  if (disk.bytes === 0) return 'there is no card in it'
  const [use] = disk.usedFor
  if (use !== undefined) return `it is ${use}; take it out of use first: sudo umount /dev/${disk.name}*`
  if (disk.holders.length > 0) return `it is held by ${disk.holders.join(', ')}`
  return disk.isReadOnly ? 'it is read-only: look for the switch at the card’s side' : undefined
}

/** `Generic STORAGE, 31.9 GB, usb` */
export const describeDisk = (disk: DiskFacts): string =>
  [disk.model, `${(disk.bytes / 1e9).toFixed(1)} GB`, disk.bus === 'other' ? '' : disk.bus]
    .filter(text => text !== '')
    .join(', ')
