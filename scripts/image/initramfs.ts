import type { SystemFile } from './place-file.ts'

/**
 * What the kernel needs before it has its root: the ways to a disk or card of virtual machines, boards with UEFI and the
 * Pi. Debian's own choice holds every disk driver there is, is five times as large, and takes minutes to make.
 */
const modules = [
  ...['virtio_pci', 'virtio_mmio', 'virtio_blk', 'virtio_scsi', 'sd_mod', 'nvme', 'ahci', 'ahci_platform'],
  ...['usb_storage', 'uas', 'xhci_pci', 'xhci_plat_hcd', 'dwc2', 'dwc3', 'ext4'],
  ...['mmc_block', 'sdhci_iproc', 'bcm2835', 'sdhci_acpi', 'sdhci_pci', 'sdhci_of_arasan', 'dw_mmc_rockchip'],
  ...['sunxi_mmc', 'meson_gx_mmc'],
]

/** Files that are there before the first initramfs is made; initramfs-tools(7). */
export const initramfsFiles: readonly SystemFile[] = [
  { path: '/etc/initramfs-tools/conf.d/dunlin', text: 'MODULES=list\n' },
  {
    path: '/etc/initramfs-tools/hooks/dunlin',
    text: `#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules ${modules.join(' ')}
`,
    mode: 0o755,
  },
]
