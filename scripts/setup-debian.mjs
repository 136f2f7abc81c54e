/**
 * Brings Debian packages that are missing on this machine. Plain JavaScript without any package.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fail } from './setup-npm.mjs'

/** What an agent needs, with a program or file by which each is recognised. */
export const forAgent = {
  podman: '/usr/bin/podman',
  // Podman brings crun; where a machine may not raise limits, runc is the one that works.
  runc: '/usr/sbin/runc',
  nftables: '/usr/sbin/nft',
  iproute2: '/usr/sbin/ip',
  conntrack: '/usr/sbin/conntrack',
  'busybox-static': '/bin/busybox',
  'ca-certificates': '/etc/ssl/certs/ca-certificates.crt',
}

/** What the tests need beyond that: real MQTT clients, a git server, password files, terminals and what runs in them. */
export const forTests = {
  'mosquitto-clients': '/usr/bin/mosquitto_sub',
  git: '/usr/bin/git',
  openssl: '/usr/bin/openssl',
  'apache2-utils': '/usr/bin/htpasswd',
  tmux: '/usr/bin/tmux',
  // What people run in a terminal.
  'vim-tiny': '/usr/bin/vi',
  procps: '/usr/bin/top',
  // OpenSSH's server is unpacked beside the system; it asks for this.
  libwrap0: '/usr/lib/x86_64-linux-gnu/libwrap.so.0',
  'openssh-client': '/usr/bin/ssh',
  faketime: '/usr/bin/faketime',
  curl: '/usr/bin/curl',
  // Cards: partition tables and FAT by other hands than ours, and what a stock system does at its first boot.
  fdisk: '/usr/sbin/sfdisk',
  dosfstools: '/usr/sbin/mkfs.vfat',
  mtools: '/usr/bin/mcopy',
  'cloud-init': '/usr/bin/cloud-init',
  'zbar-tools': '/usr/bin/zbarimg',
  'xz-utils': '/usr/bin/xz',
  'python3-kubernetes': '/usr/lib/python3/dist-packages/kubernetes/__init__.py',
}

/** Compilers of what is not JavaScript, for each architecture. Where it is this machine's own, Debian's plain package has it. */
export const forPackages = {
  ...(process.arch === 'x64' ? { gcc: '/usr/bin/x86_64-linux-gnu-gcc', 'libc6-dev': '/usr/include/stdlib.h' } : { 'gcc-x86-64-linux-gnu': '/usr/bin/x86_64-linux-gnu-gcc' }),
  ...(process.arch === 'arm64' ? { gcc: '/usr/bin/aarch64-linux-gnu-gcc', 'libc6-dev': '/usr/include/stdlib.h' } : { 'gcc-aarch64-linux-gnu': '/usr/bin/aarch64-linux-gnu-gcc' }),
  'g++-arm-linux-gnueabihf': '/usr/bin/arm-linux-gnueabihf-g++',
  'xz-utils': '/usr/bin/xz',
}

/** What builds images for ARM: Debian's own tools, and QEMU for the scripts of ARM's packages. */
export const forImages = {
  mmdebstrap: '/usr/bin/mmdebstrap',
  'debian-archive-keyring': '/usr/share/keyrings/debian-archive-keyring.gpg',
  'arch-test': '/usr/bin/arch-test',
  'qemu-user-static': '/usr/bin/qemu-aarch64-static',
  fdisk: '/usr/sbin/sfdisk',
  dosfstools: '/usr/sbin/mkfs.vfat',
  mtools: '/usr/bin/mcopy',
  e2fsprogs: '/usr/sbin/mke2fs',
  zstd: '/usr/bin/zstd',
  'xz-utils': '/usr/bin/xz',
}

/** What boots them on this machine. */
export const forEmulator = {
  'qemu-system-arm': '/usr/bin/qemu-system-aarch64',
  'qemu-efi-aarch64': '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd',
  'qemu-utils': '/usr/bin/qemu-img',
  'openssh-client': '/usr/bin/ssh',
}

const isInstalled = (name, file) =>
  existsSync(file) || spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' }).stdout === 'installed'

/** Runs a command as root: as it is, or through sudo. */
const asRoot = (words, what) => {
  const isRoot = process.getuid() === 0
  if (!isRoot && !existsSync('/usr/bin/sudo')) fail(`${what} needs root. Run this as root, or install sudo.`)
  const [program, ...rest] = isRoot ? words : ['sudo', '--preserve-env=DEBIAN_FRONTEND', ...words]
  return spawnSync(program, rest, { stdio: ['inherit', 'pipe', 'pipe'], encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

/** Installs those of the packages that are not there. Says which, and what failed. */
export const ensureDebian = packages => {
  const missing = Object.entries(packages).filter(([name, file]) => !isInstalled(name, file)).map(([name]) => name)
  if (missing.length === 0) return
  if (!existsSync('/usr/bin/apt-get')) fail(`this machine has no apt-get; install ${missing.join(', ')} by its own means and run this again.`)
  process.stderr.write(`dunlin: installing Debian packages (once, a minute): ${missing.join(' ')} …\n`)
  // The tests run it by hand. It must not take this very machine for a fresh one at its next start.
  if (missing.includes('cloud-init')) asRoot(['install', '-D', '-m', '0644', '/dev/null', '/etc/cloud/cloud-init.disabled'], 'keeping cloud-init from starting')
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  let done = asRoot(install, 'installing packages')
  if (done.status !== 0) {
    process.stderr.write('dunlin: refreshing the package lists …\n')
    const updated = asRoot(['apt-get', 'update'], 'refreshing the package lists')
    if (updated.status !== 0) fail(`apt-get update failed:\n${updated.stderr}\nCheck the network and /etc/apt/sources.list, then run this again.`)
    done = asRoot(install, 'installing packages')
  }
  if (done.status !== 0) fail(`apt-get install failed:\n${done.stderr}\nMend that, then run this again.`)
}
