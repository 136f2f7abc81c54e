import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * This machine's root under an overlay, in namespaces of its own: programs of a stock system do what they like in it, and
 * it is gone with them. `systemctl` is a list of what was asked for.
 */
const enter = `set -e
scratch=$1 boot=$2 out=$3
mount -t tmpfs scratch "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay root -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mount -t tmpfs tmp "$root/tmp"
mkdir -p "$root/boot/firmware" "$root/out"
mount --bind "$boot" "$root/boot/firmware"
mount --bind "$out" "$root/out"
cp "$boot/cmdline.txt" "$root/tmp/cmdline"
mount --bind "$root/tmp/cmdline" "$root/proc/cmdline"
printf '#!/bin/sh\\necho "$@" >> /out/systemctl\\n' > "$root/tmp/systemctl"
chmod +x "$root/tmp/systemctl"
mount --bind "$root/tmp/systemctl" "$root/usr/bin/systemctl"
exec chroot "$root" /bin/sh /out/act
`

/**
 * Runs the shell text `act` in a scratch root whose boot partition is the folder `boot`. What it puts into /out is in
 * `out` afterwards.
 *
 * @throws with what it said
 */
export const inScratchRoot = (of: { readonly folder: string; readonly boot: string; readonly act: string }): string => {
  const out = join(of.folder, 'out')
  const scratch = join(of.folder, 'scratch')
  for (const folder of [out, scratch]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(out, 'act'), of.act)
  const namespaces = ['--mount', '--net', '--uts', '--ipc', '--pid', '--fork', '--propagation', 'private']
  execFileSync('unshare', [...namespaces, '/bin/sh', '-c', enter, 'enter', scratch, of.boot, out], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
  })
  return out
}
