import { arch, hostname, networkInterfaces, release } from 'node:os'
import type { MachineIdentity } from '../../core/nodes/machine.ts'
import { readBoardFacts } from './read-board.ts'
import { isInner } from './read-machine.ts'
import { textOf } from './text-of.ts'

const architectures: { readonly [node: string]: string } = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }

/** What stays the same for a boot. Reads files only. */
export const machineIdentity = async (): Promise<MachineIdentity> => {
  const [bootId, machineId, osRelease, board, status] = await Promise.all([
    textOf('/proc/sys/kernel/random/boot_id'),
    textOf('/etc/machine-id'),
    textOf('/etc/os-release'),
    readBoardFacts(),
    textOf('/proc/self/status'),
  ])
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status ?? '')?.[1] ?? '0'}`)
  return {
    hostname: hostname(),
    architecture: architectures[arch()] ?? arch(),
    bootID: bootId?.trim() ?? '',
    machineID: machineId?.trim() ?? '',
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(osRelease ?? '')?.[1] ?? 'Linux',
    board,
    // CAP_SYS_RESOURCE is number 24.
    canProtectFromOom: (capabilities & (1n << 24n)) !== 0n,
  }
}

/** The machine's addresses on its networks, the one of the default route first. */
export const hostAddresses = async (): Promise<readonly string[]> => {
  const routes = (await textOf('/proc/net/route')) ?? ''
  const outward = routes
    .split('\n')
    .map(line => line.split('\t'))
    .find(words => words[1] === '00000000')?.[0]
  const all = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    isInner(name) ? [] : (addresses ?? []).filter(one => !one.internal).map(one => ({ name, ...one })),
  )
  const rank = (one: (typeof all)[number]): number => (one.name === outward ? 0 : 2) + (one.family === 'IPv4' ? 0 : 1)
  return all
    .filter(one => !/^(169\.254\.|fe80:)/i.test(one.address))
    .toSorted((a, b) => rank(a) - rank(b))
    .map(one => one.address)
}
