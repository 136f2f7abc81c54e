import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Patch, Source } from '../../../src/cli/flash/overlay.ts'

/** Where the boot partition of the images begins. */
export const bootOffset = 1024 * 1024

const run = (program: string, words: readonly string[], input?: string): string =>
  execFileSync(program, words, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  })

/** An image with an MBR (or GPT) and one FAT partition of `megabytes`, made by Debian's own tools. */
export const makeImage = (
  path: string,
  of: { readonly bits: 16 | 32; readonly megabytes: number; readonly table?: 'dos' | 'gpt'; readonly label?: string },
): void => {
  writeFileSync(path, '')
  const file = openSync(path, 'r+')
  ftruncateSync(file, bootOffset * (of.megabytes + 4))
  closeSync(file)
  const table = of.table ?? 'dos'
  const type = table === 'gpt' ? 'U' : 'c'
  run(
    '/sbin/sfdisk',
    ['--quiet', path],
    `label: ${table}\nstart=2048, size=${of.megabytes * 2048}, type=${type}\nstart=${(of.megabytes + 1) * 2048}, type=L\n`,
  )
  const words = [
    '-F',
    String(of.bits),
    '--offset',
    '2048',
    '-n',
    of.label ?? 'bootfs',
    ...(of.bits === 32 ? ['-s', '1'] : []),
  ]
  run('/sbin/mkfs.vfat', [...words, path, String(of.megabytes * 1024)])
}

const partition = (path: string): string => `${path}@@${bootOffset}`
const mtools = { ...process.env, MTOOLS_SKIP_CHECK: '1', MTOOLS_NO_VFAT: '0', TZ: 'UTC' }

/** Puts a file onto the boot partition with mtools. */
export const putFile = (image: string, name: string, text: string | Uint8Array): void => {
  execFileSync('mcopy', ['-o', '-i', partition(image), '-', `::${name}`], { input: text, env: mtools })
}

/** What mtools reads. */
export const getFile = (image: string, name: string): Buffer =>
  execFileSync('mtype', ['-i', partition(image), `::${name}`], { env: mtools, maxBuffer: 1 << 28 })

/** Copies all files into a folder, as mtools reads them. */
export const getFiles = (image: string, into: string): void => {
  run('mcopy', ['-s', '-n', '-i', partition(image), '::/', into])
}

/** All files and folders, as mtools lists them: `::/dunlin/join.json`. */
export const listFiles = (image: string): readonly string[] => {
  const listed = spawnSync('mdir', ['-b', '-s', '-i', partition(image), '::/'], { encoding: 'utf8', env: mtools })
  return listed.stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.replace(/^::\//, ''))
    .toSorted()
}

/** What fsck.fat finds wrong with the boot partition; empty when it is clean. */
export const damageOf = (image: string): string => {
  const alone = `${image}.fat`
  writeFileSync(alone, readFileSync(image).subarray(bootOffset))
  const checked = spawnSync('/sbin/fsck.fat', ['-n', alone], { encoding: 'utf8' })
  return checked.status === 0 ? '' : checked.stdout + checked.stderr
}

/** The bytes of an open file. */
export const openSource = (path: string): Source & { readonly close: () => void } => {
  const file = openSync(path, 'r')
  const end = statSync(path).size
  return {
    length: end,
    read(at, length) {
      const bytes = Buffer.alloc(length)
      for (let done = 0; done < length; ) {
        const count = readSync(file, bytes, done, length - done, at + done)
        if (count === 0) throw new RangeError(`${path} ends at ${at + done}`)
        done += count
      }
      return bytes
    },
    close: () => closeSync(file),
  }
}

export const applyPatches = (path: string, patches: readonly Patch[]): void => {
  const file = openSync(path, 'r+')
  for (const { offset, content } of patches) writeSync(file, content.read(0, content.length), 0, content.length, offset)
  closeSync(file)
}

/** Boot partitions of stock systems, as their makers lay them out: the files that tell what a system it is. */
export const stock = {
  trixie: {
    'cmdline.txt':
      'console=serial0,115200 console=tty1 root=PARTUUID=8a438930-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n',
    'config.txt': 'dtparam=audio=on\n',
    'issue.txt': 'Raspberry Pi reference 2026-06-18\n',
    'meta-data': 'dsmode: local\ninstance_id: rpios-image\n',
    'user-data': '#cloud-config\n#hostname: raspberrypi\n',
    'network-config': '#network:\n#  version: 2\n',
  },
  bookworm: {
    'cmdline.txt':
      'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
    'config.txt': 'dtparam=audio=on\n',
    'issue.txt': 'Raspberry Pi reference 2025-05-13\n',
  },
  ubuntu: {
    'cmdline.txt':
      'console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 root=LABEL=writable rootfstype=ext4 rootwait fixrtc\n',
    'config.txt': '[all]\nkernel=vmlinuz\n',
    'meta-data': 'instance_id: cloud-image\n',
    'user-data': '#cloud-config\nchpasswd:\n  expire: true\n',
    'network-config': 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n    optional: true\n',
  },
  efi: { 'EFI/BOOT/BOOTAA64.EFI': 'MZ' },
  debian: { 'cmdline.txt': 'root=LABEL=RASPIROOT ro\n', 'config.txt': '', 'sysconf.txt': '#root_pw=\n' },
} as const

export type StockName = keyof typeof stock

/** A stock image as a file. FAT32 for Raspberry Pi OS as it is now; the smaller FAT16 for the rest. */
export const makeStock = (path: string, name: StockName): void => {
  const size = name === 'trixie' ? ({ bits: 32, megabytes: 34 } as const) : ({ bits: 16, megabytes: 9 } as const)
  makeImage(path, { ...size, ...(name === 'efi' ? { table: 'gpt', label: 'ESP' } : {}) })
  const tree = mkdtempSync(`${path}-`)
  for (const [file, text] of Object.entries(stock[name])) {
    mkdirSync(join(tree, dirname(file)), { recursive: true })
    writeFileSync(join(tree, file), text)
  }
  const top = readdirSync(tree).map(file => join(tree, file))
  execFileSync('mcopy', ['-s', '-i', partition(path), ...top, '::'], { env: mtools })
  rmSync(tree, { recursive: true })
}
