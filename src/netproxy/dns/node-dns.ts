import { describeError } from '../../api/fault.ts'
import type { NodeNetwork } from '../../core/nodes/assignment.ts'
import type { Zone } from '../../core/services/dns-zone.ts'
import { zoneOf } from '../../core/services/dns-zone.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { RunTool } from '../run-tool.ts'
import { mustRun } from '../run-tool.ts'
import { answerQuestion } from './answer.ts'
import { answerCache } from './answer-cache.ts'
import { dnsServer } from './server.ts'
import { askUpstream, hostUpstream } from './upstream.ts'

/** The node's DNS: on the cluster's DNS address, which each node holds on `lo`, so that it does not depend on the bridge or on other nodes. */
export interface NodeDns {
  /** Idempotent. @throws {Fault} Machine when the address cannot be served */
  start(network: NodeNetwork): Promise<void>
  setZone(zone: Zone): void
  troubles(): readonly string[]
  close(): Promise<void>
  takeDown(): Promise<void>
}

/** So long after the start questions for names of the fleet wait to be asked again, when nobody told them yet. */
const patienceMs = 5000
const upstreamHoldsMs = 10_000

export const nodeDns = (of: {
  readonly run: RunTool
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly dnsUpstream?: readonly string[]
}): NodeDns => {
  let network: NodeNetwork | undefined
  let zone: Zone | undefined
  let startedAt = 0
  let trouble: string | undefined
  let upstream: { readonly servers: readonly string[]; readonly at: number } | undefined
  let server: ReturnType<typeof dnsServer> | undefined

  const currentZone = (): Zone | undefined => {
    if (zone !== undefined || network === undefined || of.clock.monotonic() - startedAt < patienceMs) return zone
    return zoneOf({ format: 1, services: [], peers: [] }, network)
  }

  const upstreamNow = async (): Promise<readonly string[]> => {
    if (of.dnsUpstream !== undefined) return of.dnsUpstream
    const now = of.clock.monotonic()
    if (upstream === undefined || now - upstream.at > upstreamHoldsMs)
      upstream = { servers: await hostUpstream(network === undefined ? [] : [network.dnsAddress]), at: now }
    return upstream.servers
  }

  const stop = async (): Promise<void> => {
    await server?.close()
    server = undefined
  }

  const addresses = async (): Promise<readonly string[]> => {
    const shown = await mustRun(of.run, 'ip', ['-4', '-o', 'addr', 'show', 'dev', 'lo', 'label', 'lo:dunlin'])
    return [...shown.matchAll(/inet (\S+)/g)].map(match => match[1] ?? '')
  }

  const dropAddresses = async (but: string | undefined): Promise<void> => {
    for (const one of await addresses()) if (one !== but) await mustRun(of.run, 'ip', ['addr', 'del', one, 'dev', 'lo'])
  }

  return {
    async start(wanted) {
      const address = `${wanted.dnsAddress}/32`
      const isSame = network?.dnsAddress === wanted.dnsAddress && network.domain === wanted.domain
      network = wanted
      if (isSame && server?.isListening === true && (await addresses()).includes(address)) return
      await stop()
      startedAt = of.clock.monotonic()
      await dropAddresses(address)
      if (!(await addresses()).includes(address))
        await mustRun(of.run, 'ip', ['addr', 'add', address, 'dev', 'lo', 'label', 'lo:dunlin'])
      const answer = answerQuestion({
        zone: currentZone,
        domain: wanted.domain.toLowerCase(),
        upstream: upstreamNow,
        ask: askUpstream,
        cache: answerCache(of.clock),
        random: of.random,
        log: of.log,
      })
      server = dnsServer({ answer, log: of.log })
      try {
        await server.start(wanted.dnsAddress)
        trouble = undefined
      } catch (error) {
        trouble = describeError(error)
        throw error
      }
    },
    setZone(now) {
      zone = now
    },
    troubles: () => (trouble === undefined ? [] : [trouble]),
    close: stop,
    async takeDown() {
      await stop()
      await dropAddresses(undefined)
    },
  }
}
