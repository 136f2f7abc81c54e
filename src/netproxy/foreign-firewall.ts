import { bridgeName } from '../core/services/ruleset.ts'
import type { ForeignAccept, HostChanges } from './host-changes.ts'
import type { RunTool } from './run-tool.ts'

/** The word by which our rules in other people's chains are found again. */
const comment = 'dunlin'

/**
 * A drop anywhere wins over an accept of ours. Where another firewall (Docker's, ufw's, a hand-written one) drops what it does not
 * know by the policy of a chain, pods' traffic is let through at the head of that very chain, and DNS from pods in `input`. Recorded, and
 * taken away again by `withdrawAccepts`.
 *
 * @returns what was found and done, in words
 */
export const passForeignFirewall = async (
  of: { readonly run: RunTool; readonly changes: HostChanges },
  dnsAddress: string,
): Promise<{ readonly done: readonly string[]; readonly failed: readonly string[] }> => {
  const done: string[] = []
  const failed: string[] = []
  for (const chain of await droppingChains(of.run)) {
    const where = `${chain.family} ${chain.table} ${chain.chain}`
    if ((await ourHandles(of.run, chain)).length > 0) continue
    await of.changes.recordAccept(chain)
    const rules =
      chain.hook === 'forward'
        ? [`iifname "${bridgeName}" accept`, `oifname "${bridgeName}" accept`]
        : [`iifname "${bridgeName}" ip daddr ${dnsAddress} accept`]
    const text = rules.map(rule => `insert rule ${where} ${rule} comment "${comment}"\n`).join('')
    const result = await of.run('nft', ['-f', '-'], text)
    if (result.code === 0) done.push(`${where} drops by default: pods are let through`)
    else
      failed.push(
        `the chain ${where} drops what pods send and could not be changed: ${result.stderr.trim().slice(0, 200)}`,
      )
  }
  return { done, failed }
}

/** Takes our rules out of other people's chains. */
export const withdrawAccepts = async (run: RunTool, accepts: readonly ForeignAccept[]): Promise<void> => {
  for (const accept of accepts)
    for (const handle of await ourHandles(run, accept))
      await run('nft', ['delete', 'rule', accept.family, accept.table, accept.chain, 'handle', handle])
}

interface DroppingChain extends ForeignAccept {
  readonly hook: 'forward' | 'input'
}

const droppingChains = async (run: RunTool): Promise<readonly DroppingChain[]> => {
  const result = await run('nft', ['list', 'chains'])
  if (result.code !== 0) return []
  const chains: DroppingChain[] = []
  let family = ''
  let table = ''
  let chain = ''
  for (const line of result.stdout.split('\n')) {
    const tableLine = /^table (\S+) (\S+) \{/.exec(line)
    const chainLine = /^\s+chain (\S+) \{/.exec(line)
    const hookLine = /^\s+type filter hook (forward|input) priority [^;]+; policy drop;/.exec(line)
    if (tableLine !== null) [, family = '', table = ''] = tableLine
    else if (chainLine !== null) [, chain = ''] = chainLine
    else if (hookLine !== null && (family === 'ip' || family === 'inet') && !table.startsWith('dunlin'))
      chains.push({ family, table, chain, hook: hookLine[1] === 'input' ? 'input' : 'forward' })
  }
  return chains
}

const ourHandles = async (run: RunTool, of: ForeignAccept): Promise<readonly string[]> => {
  const result = await run('nft', ['-a', 'list', 'chain', of.family, of.table, of.chain])
  if (result.code !== 0) return []
  return [...result.stdout.matchAll(new RegExp(`comment "${comment}" # handle (\\d+)`, 'g'))].map(
    match => match[1] ?? '',
  )
}
