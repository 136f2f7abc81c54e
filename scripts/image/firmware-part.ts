import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../src/lib/version.ts'
import { kernelRelease } from './root-tree.ts'
import { fileSystemLabels, type Variant } from './variant.ts'

const readMe = `This folder belongs to Dunlin. Put what this device is to be into join.json, from any computer:

  { "token": "dunlin1.…", "name": "barn-3", "labels": { "dunlin.io/site": "barn" } }

The token is printed by "dunlin join-token create", on the hub. Container images that the device needs without
a network go into images/, as archives of "podman save --format oci-archive" (.tar).

status.txt tells what the device did at its last start.
`

/**
 * Lays out what the firmware reads, in the folder `target`: boot loader, kernel, initramfs, and our folder `dunlin/`.
 *
 * @param tree the image's root
 */
export const layOutFirmware = (of: {
  readonly tree: string
  readonly target: string
  readonly variant: Variant
}): void => {
  const { tree, target, variant } = of
  const options = [`root=LABEL=${fileSystemLabels.root}`, 'ro', 'fsck.repair=yes', 'systemd.gpt_auto=0']
  const line = [...options, ...variant.kernelWords].join(' ')
  mkdirSync(join(target, 'dunlin/images'), { recursive: true })
  // By it `dunlin flash` knows that nothing is to be installed.
  writeFileSync(join(target, 'dunlin/agent.txt'), `${version}\n`)
  writeFileSync(join(target, 'dunlin/README.txt'), readMe.replaceAll('\n', '\r\n'))
  if (variant.name === 'raspi') {
    // Debian's package has filled it while the root was built; only the root's name is ours.
    cpSync(join(tree, 'boot/firmware'), target, { recursive: true, verbatimSymlinks: true })
    writeFileSync(join(target, 'cmdline.txt'), `${line} rootwait\n`)
    return
  }
  const release = kernelRelease(tree)
  cpSync(join(tree, 'boot', `vmlinuz-${release}`), join(target, 'vmlinuz'), { dereference: true })
  cpSync(join(tree, 'boot', `initrd.img-${release}`), join(target, 'initrd.img'), { dereference: true })
  const loader = join(tree, 'usr/lib/systemd/boot/efi/systemd-bootaa64.efi')
  mkdirSync(join(target, 'EFI/BOOT'), { recursive: true })
  mkdirSync(join(target, 'loader/entries'), { recursive: true })
  cpSync(loader, join(target, 'EFI/BOOT/BOOTAA64.EFI'))
  writeFileSync(join(target, 'loader/loader.conf'), 'default dunlin.conf\ntimeout 0\neditor no\n')
  writeFileSync(
    join(target, 'loader/entries/dunlin.conf'),
    `title Dunlin\nlinux /vmlinuz\ninitrd /initrd.img\noptions ${line}\n`,
  )
}
