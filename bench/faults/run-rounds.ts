import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OwnWorld } from '../../test/fleet/own-world.ts'
import { drawRound } from './draw-round.ts'
import { type FaultWorld, startFaultWorld } from './fault-world.ts'
import type { FaultName } from './faults.ts'
import { type RoundResult, runRound } from './run-round.ts'

/** How long the world may take after a fault until everything is as wanted. */
const boundSeconds = 150

/**
 * Rounds `from` to `rounds` of a seed, in one world after another: one that could not be made right again is thrown
 * away, as nothing more can be learned from it.
 *
 * @param of.onResult told each round, and how to get what hub and agents said until then
 */
export const runRounds = async (of: {
  readonly world: OwnWorld
  readonly seed: number
  readonly from: number
  readonly rounds: number
  readonly only?: readonly FaultName[]
  readonly onResult: (result: RoundResult, story: () => string) => void
}): Promise<void> => {
  let world: FaultWorld | undefined
  let worlds = 0
  const nextWorld = async (): Promise<FaultWorld> => {
    worlds += 1
    return await startFaultWorld({
      folder: join(of.world.folder, `${worlds}`),
      cgroupParent: `${of.world.cgroupParent}-${worlds}`,
    })
  }
  try {
    for (let number = of.from; number < of.from + of.rounds; number += 1) {
      world ??= await nextWorld()
      const current = world
      const names = current.nodes.map(node => node.name)
      const round = drawRound({
        seed: of.seed,
        number,
        nodes: names,
        ...(of.only === undefined ? {} : { only: of.only }),
      })
      const result = await runRound(current, round, boundSeconds)
      of.onResult(result, () => storyOf(current))
      if (result.findings.some(one => one.finding === 'not converged')) {
        await current.close()
        world = undefined
      }
    }
  } finally {
    await world?.close()
  }
}

const storyOf = (world: FaultWorld): string =>
  [
    ...world.nodes.map(node => `== agent of ${node.name}\n${node.agent().output()}`),
    `== hub\n${readFileSync(world.fleet.hub().logPath, 'utf8').slice(-512 * 1024)}`,
  ].join('\n')
