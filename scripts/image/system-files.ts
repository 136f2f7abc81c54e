import { publicSource, sourceLines } from './apt-source.ts'
import type { SystemFile } from './place-file.ts'
import { components, fileSystemLabels, partitionUuid, suite, type Variant } from './variant.ts'

/*
 * The reference appliance: the root is written by upgrades alone. Journal, logs and temporary files lie in memory,
 * containers too; what must last lies on the last partition, at /var/lib/dunlin, which grows to the card's end.
 */

const labels = fileSystemLabels

const fstab = (
  dataUuid: string,
): string => `# The system is written by upgrades alone; what pods and the agent write lies on the last partition.
LABEL=${labels.root} / ext4 noatime,errors=remount-ro 0 1
LABEL=${labels.firmware} /boot/firmware vfat noatime,umask=0077,nofail,x-systemd.device-timeout=3min 0 2
PARTUUID=${dataUuid} /var/lib/dunlin ext4 noatime,x-systemd.growfs,x-systemd.device-timeout=5min 0 2
tmpfs /var/log tmpfs mode=0755,size=16M,nodev,nosuid 0 0
`

const hostKey = '/etc/ssh/ssh_host_ed25519_key'

const kernelHooks = ['/etc/kernel/postinst.d/zzz-boot-partition', '/etc/initramfs/post-update.d/zzz-boot-partition']

const growScript = (dataUuid: string): string => `#!/bin/sh
# The last partition takes the rest of the card, once: where less than 64 MiB are left, nothing is written.
set -e
name=$(basename "$(readlink -f /dev/disk/by-partuuid/${dataUuid})")
part=/sys/class/block/$name
disk=$(basename "$(readlink -f "$part/..")")
left=$(($(cat "/sys/class/block/$disk/size") - $(cat "$part/start") - $(cat "$part/size")))
[ "$left" -gt 131072 ] || exit 0
echo "the data partition grows by $((left / 2048)) MiB, to the end of the card"
# A GPT has a second copy, at the end of the disk it was written for.
sfdisk --quiet --no-tell-kernel --relocate gpt-bak-std "/dev/$disk" 2> /dev/null || true
echo ', +' | sfdisk --quiet --no-reread --no-tell-kernel -N "$(cat "$part/partition")" "/dev/$disk"
partx --update --nr "$(cat "$part/partition")" "/dev/$disk"
# What udev makes of the new table is over before anything is mounted.
udevadm settle --timeout=120 || true
`

const growUnit = (dataUuid: string): string => {
  const device = `dev-disk-by\\x2dpartuuid-${dataUuid.replaceAll('-', '\\x2d')}`
  return `[Unit]
Description=Grow the data partition to the end of the card
DefaultDependencies=no
# Not bound to it: while the table is read anew, the device is away for a moment.
Wants=${device}.device
After=${device}.device
Before=systemd-fsck@${device}.service var-lib-dunlin.mount
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/usr/lib/dunlin-image/grow-data

[Install]
WantedBy=local-fs.target
`
}

const bootHook = `#!/bin/sh
# The kernel that boots next lies beside the boot loader. Called after a kernel or its initramfs was made anew.
set -e
firmware=/boot/firmware
mountpoint -q "$firmware" || exit 0
newest=$(ls -v /boot/vmlinuz-* | tail -n 1)
version=\${newest#/boot/vmlinuz-}
[ -e "/boot/initrd.img-$version" ] || exit 0
for name in "vmlinuz-$version" "initrd.img-$version"; do
  cp "/boot/$name" "$firmware/\${name%%-*}.new"
done
sync
for name in vmlinuz initrd.img; do mv "$firmware/$name.new" "$firmware/$name"; done
sync
`

const dataUuidOf = (variant: Variant, uuid: string): string => partitionUuid(variant.table, uuid, 3)

/**
 * Everything that makes Debian's root our appliance.
 *
 * @param uuid the image's own
 * @example systemFiles(variant, uuid) // [{ path: '/etc/fstab', text: … }, …]
 */
export const systemFiles = (variant: Variant, uuid: string): readonly SystemFile[] => [
  { path: '/etc/fstab', text: fstab(dataUuidOf(variant, uuid)) },
  { path: '/etc/hostname', text: 'dunlin\n' },
  { path: '/etc/hosts', text: '127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 dunlin\n' },
  // Empty: the first boot draws one. Absent or "uninitialized" would have systemd enable every unit anew.
  { path: '/etc/machine-id', text: '', mode: 0o444 },
  { path: '/etc/apt/sources.list', text: `${sourceLines({ source: publicSource, suite, components }).join('\n')}\n` },
  { path: '/etc/issue', text: 'Dunlin on Debian \\n \\l\n\n' },
  {
    path: '/etc/systemd/network/80-wired.network',
    text: '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\nMulticastDNS=yes\n',
  },
  {
    path: '/etc/systemd/journald.conf.d/dunlin.conf',
    text: '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n',
  },
  // The clock is kept at shutdown and twice a day, not every minute; the agent bears a wrong one.
  { path: '/etc/systemd/timesyncd.conf.d/dunlin.conf', text: '[Time]\nSaveIntervalSec=12h\n' },
  // The hardware's watchdog: a Pi's counts to 15 s.
  { path: '/etc/systemd/system.conf.d/dunlin.conf', text: '[Manager]\nRuntimeWatchdogSec=14s\n' },
  {
    path: '/etc/systemd/zram-generator.conf',
    text: '[zram0]\nzram-size = ram / 2\ncompression-algorithm = zstd\n',
  },
  { path: '/etc/sysctl.d/60-dunlin.conf', text: 'vm.swappiness = 100\nvm.page-cluster = 0\nkernel.panic = 10\n' },
  {
    path: '/etc/systemd/system/dunlin-agent.service.d/image.conf',
    text: '[Unit]\nRequiresMountsFor=/var/lib/dunlin\nWants=boot-firmware.mount\nAfter=boot-firmware.mount\n\n[Service]\nEnvironment=DUNLIN_STORE=memory DUNLIN_IMAGES=/boot/firmware/dunlin/images\n',
  },
  { path: '/etc/tmpfiles.d/dunlin.conf', text: 'd /var/log/apt 0755 root root\n' },
  { path: '/usr/lib/dunlin-image/grow-data', text: growScript(dataUuidOf(variant, uuid)), mode: 0o755 },
  { path: '/etc/systemd/system/dunlin-grow-data.service', text: growUnit(dataUuidOf(variant, uuid)) },
  // Every device has a host key of its own, made at first boot. One that was cut short is made anew.
  {
    path: '/etc/systemd/system/ssh.service.d/keys.conf',
    text: `[Service]\nExecStartPre=\nExecStartPre=/bin/sh -c '[ -s ${hostKey}.pub ] || { rm -f ${hostKey}*; ssh-keygen -q -t ed25519 -N "" -f ${hostKey}; }'\nExecStartPre=/usr/sbin/sshd -t\n`,
  },
  {
    path: '/etc/ssh/sshd_config.d/dunlin.conf',
    text: `HostKey ${hostKey}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n`,
  },
  // On a Pi, Debian's raspi-firmware does it.
  ...(variant.name === 'raspi' ? [] : kernelHooks.map(path => ({ path, text: bootHook, mode: 0o755 }))),
]

/** Links of the image: path -> target. Units are enabled by links below `…wants`; one that leads to /dev/null is masked. */
export const systemLinks: { readonly [path: string]: string } = {
  '/etc/resolv.conf': '../run/systemd/resolve/stub-resolv.conf',
  '/etc/systemd/system/multi-user.target.wants/systemd-networkd.service':
    '/usr/lib/systemd/system/systemd-networkd.service',
  '/etc/systemd/system/sockets.target.wants/systemd-networkd.socket': '/usr/lib/systemd/system/systemd-networkd.socket',
  '/etc/systemd/system/local-fs.target.wants/dunlin-grow-data.service': '/etc/systemd/system/dunlin-grow-data.service',
  '/etc/systemd/system/multi-user.target.wants/dunlin-first-boot.service':
    '/usr/lib/systemd/system/dunlin-first-boot.service',
  '/etc/systemd/system/multi-user.target.wants/dunlin-agent.service': '/usr/lib/systemd/system/dunlin-agent.service',
  ...Object.fromEntries(
    // They write to the card by the clock, or fetch from the network unasked.
    ['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer'].map(unit => [
      `/etc/systemd/system/${unit}`,
      '/dev/null',
    ]),
  ),
  // The engine is started by the agent, with a store of its own.
  ...Object.fromEntries(
    [
      'podman.service',
      'podman.socket',
      'podman-restart.service',
      'podman-auto-update.timer',
      'netavark-dhcp-proxy.socket',
      'netavark-firewalld-reload.service',
    ].map(unit => [`/etc/systemd/system/${unit}`, '/dev/null']),
  ),
}

/** What the root holds of the machine that built it, or of one device: taken out. Paths below the root, by glob. */
export const removed: readonly string[] = [
  'etc/ssh/ssh_host_*',
  'etc/systemd/system/e2scrub_reap.service',
  'var/lib/apt/lists/*',
  'var/cache/apt/*',
  'var/log/*',
  'var/lib/dbus/machine-id',
  'var/lib/systemd/random-seed',
  'etc/apt/sources.list.d/*',
  'etc/apt/apt.conf.d/*mmdebstrap',
  'tmp/*',
]
