import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What the quick start might leave behind on a machine, as lines that can be compared. */
export type MachineState = { readonly [what: string]: readonly string[] }

const lines = async (program: string, words: readonly string[]): Promise<readonly string[]> => {
  const { stdout } = await run(program, [...words], { maxBuffer: 16 * 1024 * 1024 })
  return stdout
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .toSorted()
}

/** Sysctls that a pod network may change, for every interface there is. */
const sysctls = async (): Promise<readonly string[]> => {
  const found: string[] = []
  for (const folder of ['/proc/sys/net/ipv4/conf', '/proc/sys/net/ipv4']) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const paths = entry.isDirectory()
        ? ['rp_filter', 'send_redirects', 'proxy_arp', 'proxy_arp_pvlan', 'forwarding', 'route_localnet'].map(
            name => `${folder}/${entry.name}/${name}`,
          )
        : /^(ip_forward|ip_nonlocal_bind)$/.test(entry.name)
          ? [`${folder}/${entry.name}`]
          : []
      for (const path of paths) {
        const value = await readFile(path, 'utf8').catch(() => undefined)
        if (value !== undefined) found.push(`${path}=${value.trim()}`)
      }
    }
  }
  const liberal = await readFile('/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal', 'utf8').catch(() => '0')
  return [...found, `nf_conntrack_tcp_be_liberal=${liberal.trim()}`].toSorted()
}

/** Mount points and namespaces of pods, and processes of containers, that are ours by their path. */
const mounts = async (): Promise<readonly string[]> =>
  (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(path => path.includes('dunlin'))
    .toSorted()

/** Looks at this machine: interfaces, addresses, routes, nftables, sysctls, mounts. */
export const machineState = async (): Promise<MachineState> => ({
  interfaces: (await lines('ip', ['-o', 'link', 'show'])).map(line => line.split(/[:@]/)[1]?.trim() ?? ''),
  addresses: (await lines('ip', ['-o', '-4', 'addr', 'show'])).map(line => line.split(/\s+/).slice(1, 4).join(' ')),
  routes: await lines('ip', ['-4', 'route', 'show', 'table', 'all']),
  rules: await lines('ip', ['-4', 'rule', 'show']),
  tables: await lines('nft', ['list', 'tables']),
  sysctls: await sysctls(),
  mounts: await mounts(),
})

/**
 * What differs, a sentence each. Empty: the machine is as it was.
 *
 * @example differences(before, after) // ['interfaces: left behind: dunlin0']
 */
export const differences = (before: MachineState, after: MachineState): readonly string[] =>
  Object.keys(before).flatMap(what => {
    const then = new Set(before[what])
    const now = new Set(after[what])
    return [
      ...[...now].filter(line => !then.has(line)).map(line => `${what}: left behind: ${line}`),
      ...[...then].filter(line => !now.has(line)).map(line => `${what}: taken away: ${line}`),
    ]
  })
