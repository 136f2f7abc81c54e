/** One kind of image: what it boots on, and how its disk is cut. */
export interface Variant {
  readonly name: 'generic' | 'raspi'
  /** What a person reads. */
  readonly about: string
  /** The partition table that the firmware reads. */
  readonly table: 'gpt' | 'dos'
  /** Packages beyond those of every image. */
  readonly packages: readonly string[]
  /** The kernel's command line, but for `root=`. */
  readonly kernelWords: readonly string[]
}

/** Debian's release of the images. */
export const suite = 'trixie'

export const components: readonly string[] = ['main', 'non-free-firmware']

/** Packages of every image: a system that boots, reaches a network and keeps time, and what an agent needs. */
export const commonPackages: readonly string[] = [
  ...['systemd-sysv', 'systemd-resolved', 'systemd-timesyncd', 'systemd-zram-generator', 'udev', 'dbus', 'kmod'],
  // Without `login` every console greets for ever.
  ...['login', 'passwd', 'procps', 'iproute2', 'iputils-ping', 'ca-certificates', 'curl', 'less', 'vim-tiny'],
  ...['linux-image-arm64', 'initramfs-tools', 'e2fsprogs', 'dosfstools', 'fdisk', 'zstd', 'openssh-server'],
  ...['podman', 'crun', 'nftables', 'conntrack', 'catatonit'],
  ...['wpasupplicant', 'wireless-regdb'],
]

export const variants: readonly Variant[] = [
  {
    name: 'generic',
    about: 'boards with UEFI, and QEMU',
    table: 'gpt',
    packages: ['systemd-boot-efi'],
    // The last console is the one that systemd greets on; a board without it falls back to the one before.
    kernelWords: ['console=tty0', 'console=ttyAMA0'],
  },
  {
    name: 'raspi',
    about: 'Raspberry Pi 3, 4 and Zero 2 W',
    table: 'dos',
    packages: ['raspi-firmware', 'firmware-brcm80211'],
    kernelWords: ['console=tty0', 'console=ttyS1,115200'],
  },
]

/** The packages of both variants: one root is built and kept for all, and what a variant does not want is taken out. */
export const rootPackages: readonly string[] = [...commonPackages, ...variants.flatMap(one => one.packages)]

const mebibyte = 1024 * 1024

/** A partition: where it begins and how long it is, in bytes. */
export interface Part {
  readonly name: 'firmware' | 'root' | 'data'
  readonly startBytes: number
  readonly sizeBytes: number
}

/** Labels of the file systems, by which everything is mounted. A FAT label is upper case. */
export const fileSystemLabels: { readonly [name in Part['name']]: string } = {
  firmware: 'FIRMWARE',
  root: 'root',
  data: 'data',
}

/**
 * How the disk is cut: what the firmware reads, the system, and last the data, which grows to the card's end at first boot.
 *
 * @example diskParts() // [{ name: 'firmware', startBytes: 1048576, … }, …]
 */
export const diskParts = (): readonly Part[] => {
  const sizes: readonly (readonly [Part['name'], number])[] = [
    ['firmware', 512],
    ['root', 2560],
    ['data', 256],
  ]
  let at = mebibyte
  return sizes.map(([name, mebibytes]) => {
    const part = { name, startBytes: at, sizeBytes: mebibytes * mebibyte }
    at += part.sizeBytes
    return part
  })
}

/** Length of the whole image, bytes: the parts, and a mebibyte for the second copy of a GPT. A power of two, as an SD card in QEMU must be. */
export const diskBytes = 4 * 1024 * mebibyte

/**
 * By what a partition is known that no writing inside it changes: the label of a file system is lost for a moment when
 * udev reads it while it is written, and what is mounted by it is taken down.
 *
 * @param number counted from 1
 */
export const partitionUuid = (table: Variant['table'], uuid: string, number: number): string =>
  table === 'gpt' ? `${uuid.slice(0, -1)}${number}` : `${uuid.slice(0, 8)}-0${number}`

/**
 * What `sfdisk` is told.
 *
 * @param ids partition ids are drawn from the image's id, so that the same image has the same bytes
 */
export const partitionScript = (of: { readonly table: Variant['table']; readonly uuid: string }): string => {
  const types =
    of.table === 'gpt'
      ? { firmware: 'uefi', root: 'linux', data: 'linux' }
      : { firmware: 'c', root: 'linux', data: 'linux' }
  const lines = diskParts().map((part, at) => {
    const words = [`start=${part.startBytes / 512}`, `size=${part.sizeBytes / 512}`, `type=${types[part.name]}`]
    if (of.table === 'gpt') words.push(`name=${part.name}`, `uuid=${partitionUuid('gpt', of.uuid, at + 1)}`)
    else if (part.name === 'firmware') words.push('bootable')
    return words.join(', ')
  })
  const id = of.table === 'gpt' ? of.uuid : `0x${of.uuid.slice(0, 8)}`
  return `label: ${of.table}\nlabel-id: ${id}\n${lines.join('\n')}\n`
}
