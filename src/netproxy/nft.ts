import { createHash } from 'node:crypto'
import { describeError, Fault } from '../api/fault.ts'
import { diff, mapNames, refill } from '../core/services/diff.ts'
import type { Installed } from '../core/services/elements.ts'
import { eachMap, elementsOf, nothingInstalled } from '../core/services/elements.ts'
import type { Leavers, StaleFlows } from '../core/services/leavers.ts'
import { leavers } from '../core/services/leavers.ts'
import { staticRuleset, tableName } from '../core/services/ruleset.ts'
import type { Log } from '../lib/log.ts'
import type { DataPlane } from './data-plane.ts'
import { readTable, versionSet } from './read-table.ts'
import type { RunTool } from './run-tool.ts'

/** How long connections to a pod that vanished are reset. */
const goneSeconds = 120

/*
 *   prepare ── list ──> same version: adopt what is installed
 *                       another, or none: static part anew with the elements that were there, one transaction
 *   apply ── diff(installed, wanted) ──> one batch ── refused ──> everything anew, one transaction ── refused ──> not known; asked again
 *   audit ── list ── differs ──> everything anew, one transaction
 */

/**
 * The data plane in the kernel: `nft` is started for each change with the text on its standard input, one transaction each.
 */
export const nftDataPlane = (of: { readonly run: RunTool; readonly log: Log }): DataPlane => {
  let rules = { text: '', version: '' }
  /** Undefined: not known. */
  let installed: Installed | undefined
  let cleanup = ''
  let gone = new Set<string>()
  let trouble: string | undefined
  let concern: string | undefined

  const transact = async (batch: string): Promise<void> => {
    const result = await of.run('nft', ['-f', '-'], batch)
    if (result.code !== 0)
      throw new Fault('Machine', `nft refused a change: ${firstLines(result.stderr) || `exit code ${result.code}`}`, {
        code: result.code,
      })
  }

  const list = async () => {
    const result = await of.run('nft', ['-j', 'list', 'table', 'ip', tableName])
    if (result.code === 0) return readTable(result.stdout)
    if (/No such file or directory/.test(result.stderr)) return undefined
    throw new Fault(
      'Machine',
      `nft could not list the table ${tableName}: ${firstLines(result.stderr) || `exit code ${result.code}`}`,
    )
  }

  const refillWith = async (wanted: Installed): Promise<void> => {
    installed = undefined
    await transact(refill(`${versionSet(rules.version)}\n${rules.text}`, `dunlin services ${rules.version}`, wanted))
    installed = wanted
    cleanup = ''
    gone = new Set()
  }

  const change = async (
    from: Installed,
    wanted: Installed,
    who: Leavers,
    known: ReadonlySet<string>,
  ): Promise<void> => {
    const { batch, cleanup: left } = diff(from, wanted)
    const comers = [...gone].filter(address => known.has(address))
    const text = `${batch}${goneText(who.gone, comers)}`
    if (text === '') return
    try {
      await transact(text)
      installed = wanted
      cleanup += left
      for (const address of comers) gone.delete(address)
      for (const address of who.gone) gone.add(address)
    } catch (error) {
      of.log.warn('the table of Services is written anew: a change was refused', { error })
      await refillWith(wanted)
    }
  }

  const sweep = async (): Promise<void> => {
    if (cleanup === '') return
    const result = await of.run('nft', ['-f', '-'], cleanup)
    // Refused: a kernel before 6.2 notices late that nothing refers to a chain. Asked again with the next change.
    if (result.code === 0) cleanup = ''
  }

  const forgetFlows = async (flows: readonly StaleFlows[]): Promise<void> => {
    for (const { address, port, endpoint } of flows) {
      const words = ['-D', '-p', 'udp', '--orig-port-dst', String(port)]
      if (address !== undefined) words.push('--orig-dst', address)
      if (endpoint !== undefined) words.push('--reply-src', endpoint)
      const result = await of.run('conntrack', words).catch((error: unknown) => {
        concern = `UDP clients may keep sending to endpoints that left: ${describeError(error)}`
        return undefined
      })
      if (result === undefined) return
      concern = undefined
      // 1: there was none.
      if (result.code > 1)
        of.log.warn('flows to an endpoint that left could not be ended', { port, endpoint, error: result.stderr })
    }
  }

  return {
    name: 'nftables',
    async prepare(network) {
      const text = staticRuleset(network)
      rules = { text, version: createHash('sha256').update(text).digest('hex').slice(0, 16) }
      const now = await list()
      if (now?.version === rules.version) {
        installed = now.installed
        gone = new Set(now.gone)
        of.log.info('the table of Services is adopted', { version: rules.version })
        return
      }
      await refillWith(now === undefined ? nothingInstalled : withoutChains(now.installed))
    },
    async apply(plan, { whole }) {
      const planned = elementsOf(plan)
      const from = installed
      const wanted = whole || from === undefined ? planned : union(from, planned)
      try {
        if (from === undefined) await refillWith(wanted)
        else {
          const who = leavers(from, wanted, plan.known)
          await sweep()
          await change(from, wanted, who, plan.known)
          await forgetFlows(who.staleFlows)
        }
        trouble = undefined
      } catch (error) {
        trouble = `Services are not as they should be on this node: ${error instanceof Error ? error.message : String(error)}`
        throw error
      }
    },
    async audit(depth) {
      if (installed === undefined) return undefined
      const should = installed
      const found = depth === 'presence' ? await presence(of.run) : differs((await list())?.installed, should)
      if (found === undefined) {
        if (depth === 'content') await sweep()
        return undefined
      }
      await refillWith(should)
      return found
    },
    troubles: () => [trouble, concern].filter(one => one !== undefined),
    async close() {},
    async takeDown() {
      installed = undefined
      const result = await of.run('nft', ['-f', '-'], `add table ip ${tableName}\ndelete table ip ${tableName}\n`)
      if (result.code !== 0)
        throw new Fault('Machine', `nft could not delete the table ${tableName}: ${firstLines(result.stderr)}`)
    },
  }
}

/** Whether nft works here: a table with all that we use is checked, none is made. */
export const nftWorks = async (run: RunTool): Promise<string | undefined> => {
  const probe = `table ip dunlin-check { chain a { type nat hook postrouting priority 90; masquerade fully-random; }
    chain b { type nat hook prerouting priority -105; fib daddr type local ip daddr 1.2.3.4 dnat to 1.2.3.5; }
    map m { typeof th dport . numgen random mod 2 : ip daddr . th dport; }; }\n`
  const result = await run('nft', ['-c', '-f', '-'], probe)
  return result.code === 0 ? undefined : firstLines(result.stderr) || `exit code ${result.code}`
}

const presence = async (run: RunTool): Promise<string | undefined> => {
  const result = await run('nft', ['-j', 'list', 'tables', 'ip'])
  return result.code !== 0 || new RegExp(`"name":\\s*"${tableName}"`).test(result.stdout)
    ? undefined
    : 'the table was gone'
}

const differs = (now: Installed | undefined, should: Installed): string | undefined => {
  if (now === undefined) return 'the table was gone'
  for (const name of mapNames) {
    const [is, want] = [now.maps[name], should.maps[name]]
    if (is.size !== want.size || [...want].some(([key, value]) => is.get(key) !== value))
      return `${name} was not as it should be`
  }
  for (const name of should.chains.keys()) if (!now.chains.has(name)) return `the chain ${name} was gone`
  return undefined
}

/** Chains whose rules are not known are left out, and what leads to them: they come back with the first plan. */
const withoutChains = (of: Installed): Installed => {
  const keep = (map: ReadonlyMap<string, string>) =>
    new Map([...map].filter(([, value]) => !value.startsWith('goto to-')))
  return {
    maps: { ...of.maps, svc: keep(of.maps.svc), np: keep(of.maps.np), npin: keep(of.maps.npin) },
    chains: new Map(),
    clientSets: new Map(),
  }
}

const union = (a: Installed, b: Installed): Installed => ({
  maps: eachMap(name => new Map([...a.maps[name], ...b.maps[name]])),
  chains: new Map([...a.chains, ...b.chains]),
  clientSets: new Map([...a.clientSets, ...b.clientSets]),
})

const goneText = (leaving: readonly string[], coming: readonly string[]): string => {
  const line = (verb: string, elements: readonly string[]) =>
    elements.length === 0 ? '' : `${verb} element ip ${tableName} gone { ${elements.join(', ')} }\n`
  // An element may have run out meanwhile: added, it can be deleted.
  return `${line('add', coming)}${line('delete', coming)}${line(
    'add',
    leaving.map(address => `${address} timeout ${goneSeconds}s`),
  )}`
}

const firstLines = (text: string): string => text.trim().split('\n').slice(0, 3).join(' ').slice(0, 600)
