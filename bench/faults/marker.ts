import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultWorld } from './fault-world.ts'
import { ask } from './load.ts'

/** Another wish is made more often than it can be lost: by the round, which makes its own when it begins. */
const againMs = 5000

/**
 * Wants a new marker while the harm lasts, and waits until the pods of these nodes show it.
 *
 * @throws Error with the last words of those that do not
 */
export const changeArrives = async (
  world: FaultWorld,
  marker: string,
  seconds: number,
  nodes: readonly string[] = world.nodes.map(node => node.name),
): Promise<void> => {
  const over = AbortSignal.timeout(seconds * 1000)
  let wantedAt = Number.NEGATIVE_INFINITY
  for (const node of nodes)
    for (;;) {
      if (performance.now() - wantedAt > againMs) {
        await world.setMarker(marker, over)
        wantedAt = performance.now()
      }
      const said = await ask(world.beacon(node), 3000).catch(String)
      if (said.trim() === marker) break
      if (over.aborted)
        throw new Error(`the marker ${marker} did not reach node ${node} within ${seconds} s: it says ${said.trim()}`)
      await sleep(200)
    }
}
