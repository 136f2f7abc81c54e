import type { Record } from './record.ts'
import type { VirtualMachine } from './virtual-machine.ts'

/** What the reference appliance promises, read inside the running system. */
export const inspectAppliance = async (machine: VirtualMachine, record: Record): Promise<void> => {
  const read = async (command: string): Promise<string> => (await machine.run(command)).trim()
  const state = await read('systemctl is-system-running --wait || true')
  const failed = await read('systemctl --failed --plain --no-legend')
  record.check('every unit of the system started', state === 'running' && failed === '', `${state}; ${failed}`)
  for (const [path, type] of [
    ['/', 'ext4'],
    ['/var/lib/dunlin', 'ext4'],
    ['/boot/firmware', 'vfat'],
    ['/tmp', 'tmpfs'],
    ['/var/log', 'tmpfs'],
    ['/run/dunlin/store', 'tmpfs'],
  ] as const) {
    const found = await read(`findmnt -n -o FSTYPE --mountpoint ${path} || echo none`)
    record.check(`${path} is ${type}`, found === type, found)
  }
  const data = Number(await read('findmnt -n -b -o SIZE /var/lib/dunlin'))
  record.check('the data partition has grown to the end of the card', data > 2_000_000_000, data)
  record.check('the journal lies in memory', (await read('ls -A /var/log/journal 2>/dev/null | wc -l')) === '0')
  const controllers = await read('cat /sys/fs/cgroup/cgroup.controllers')
  record.check('memory limits work: the controller is there', /\bmemory\b/.test(controllers), controllers)
  record.check('swap is compressed memory', (await read('swapon --show=NAME --noheadings')).startsWith('/dev/zram'))
  record.check('no root login by password', (await read("grep -c '^root:[!*]' /etc/shadow")) === '1')
  record.shown('podman --version; crun --version', await read('podman --version; crun --version | head -1; uname -r'))
  record.shown('free -m', await read('free -m'))
  record.shown('df', await read('df -h -x devtmpfs -x overlay'))
  record.shown('systemd-analyze', await read('systemd-analyze; systemd-analyze blame | head -12'))
  record.fact('agentPssKibibytes', Number(await read(pssOfAgent)))
  record.fact('memoryUsedMebibytes', Number(await read("free -m | awk '/^Mem/ { print $3 }'")))
}

const pssOfAgent = "awk '/^Pss:/ { print $2 }' /proc/$(systemctl show -P MainPID dunlin-agent.service)/smaps_rollup"
