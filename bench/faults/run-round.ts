import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { converge } from './converge.ts'
import type { Round } from './draw-round.ts'
import type { FaultWorld } from './fault-world.ts'
import { faultTable } from './faults.ts'
import { inject } from './inject.ts'
import { type Finding, judgeRound } from './judge-round.ts'
import { tryDoors } from './stranger.ts'

/** What a round did and what was seen; a line of the raw results. */
export interface RoundResult {
  readonly round: number
  readonly fault: string
  readonly node?: string
  readonly lastsMs: number
  /** The whole of the harm, its waiting and its healing. */
  readonly harmMs: number
  /** From when nothing was broken any more until everything was as wanted; absent where it never was. */
  readonly convergedMs?: number
  readonly requests: { readonly answered: number; readonly failed: number; readonly failures: readonly string[] }
  readonly acknowledged: number
  /** What was compared. */
  readonly compared: { readonly [what: string]: number }
  /** Doors that said no to strangers, in words. */
  readonly refusals: number
  readonly findings: readonly Finding[]
}

/** Leftovers may take so long to go after all is as wanted. */
const sweepMs = 20_000

/**
 * One round: harm, heal, wait, judge.
 *
 * @param boundSeconds how long it may take until everything is as wanted
 */
export const runRound = async (world: FaultWorld, round: Round, boundSeconds: number): Promise<RoundResult> => {
  const marker = `${round.number}`
  const ended: string[] = []
  if (world.seen.length === 0) world.seen = (await converge(world, '0', boundSeconds, what => ended.push(what))).after
  const { seen: before } = world
  await world.load.take()
  const over = new AbortController()
  const began = performance.now()
  const marking = world.setMarker(marker, over.signal)
  const facts = {
    round: round.number,
    fault: round.fault,
    ...(round.node === undefined ? {} : { node: round.node }),
    lastsMs: round.lastsMs,
  }
  let harmMs = 0
  const counted = async () => ({
    requests: await world.load.take(),
    acknowledged: world.ledger.acknowledged().size,
    compared: {
      containers: before.flatMap(node => node.containers).length,
      interfaces: before.flatMap(node => node.interfaces).length,
      rules: before.flatMap(node => node.rules).length,
      rests: before.flatMap(node => node.rests).length,
    },
  })
  try {
    const harm = await inject(world, round)
    harmMs = Math.round(performance.now() - began)
    const healed = performance.now()
    await marking
    // Only a node that is connected again learns of this one; what the hub still believes of it is not enough.
    const healedMarker = `${marker} healed`
    await world.setMarker(healedMarker, over.signal)
    const strangers = tryStrangers(world, healed + boundSeconds * 1000)
    let state = await converge(world, healedMarker, boundSeconds, what => ended.push(what))
    const convergedMs = Math.round(performance.now() - healed)
    const { admitted, refused } = await strangers
    const counts = await counted()
    const judge = async () =>
      judgeRound({
        fault: faultTable[round.fault],
        ...(round.node === undefined ? {} : { node: round.node }),
        ...(harm.killed === undefined ? {} : { killed: harm.killed }),
        before,
        after: state.after,
        wanted: state.wanted,
        acknowledged: world.ledger.acknowledged(),
        found: await world.ledger.found(),
        requests: counts.requests,
        admitted: [...admitted, ...(harm.admitted ?? [])],
        ended,
      })
    let findings = await judge()
    const sweepUntil = performance.now() + sweepMs
    while (findings.some(one => one.finding === 'leftover') && performance.now() < sweepUntil) {
      await sleep(1000)
      state = await converge(world, healedMarker, boundSeconds, what => ended.push(what))
      findings = await judge()
    }
    findings = [...findings, ...hubLeftovers(world)]
    world.seen = state.after
    return { ...facts, harmMs, convergedMs, ...counts, refusals: refused, findings }
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    const findings: readonly Finding[] = [
      { finding: 'not converged', what: what.slice(0, 3000) },
      ...ended.map(one => ({ finding: 'ended by itself' as const, what: one })),
    ]
    return { ...facts, harmMs, ...(await counted()), refusals: 0, findings }
  } finally {
    over.abort()
    await marking
  }
}

/** Files that the hub has no business to keep. */
const hubLeftovers = (world: FaultWorld): readonly Finding[] =>
  readdirSync(world.fleet.hubFolder)
    .filter(
      name =>
        !['hub.db', 'hub.db-wal', 'hub.db-shm', 'keys', 'admin.kubeconfig', 'hub.lock', 'hub.db.lock'].includes(name),
    )
    .map(name => ({ finding: 'leftover', what: `file ${name} in the hub's folder` }))

/** Each of them must be told no at every door; a door that is silent is asked again. */
const tryStrangers = async (world: FaultWorld, deadline: number) => {
  const results = await Promise.all(
    world.strangers.map(async stranger => {
      for (;;) {
        const result = await tryDoors(stranger, world.doors)
        if (result.admitted.length > 0 || result.refused === 2 || performance.now() > deadline) return result
        await sleep(500)
      }
    }),
  )
  return {
    admitted: results.flatMap(one => one.admitted),
    refused: results.reduce((sum, one) => sum + one.refused, 0),
  }
}
