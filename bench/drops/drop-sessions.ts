import { openChannels } from '../../src/cli/streams/channel-socket.ts'
import { podsReady, startFleet, until } from '../../test/fleet/kit.ts'
import type { OwnWorld } from '../../test/fleet/own-world.ts'
import { ownNode, startBundle } from '../kit-agent.ts'
import { leastOf, watchInside } from '../soak/counts.ts'
import { type Held, heldNow } from './held.ts'
import { drops } from './sessions.ts'

/*
 *   each way twice ──> what is held ──> each way again and again, some at once ──> what is held now
 */

export interface DropResult {
  readonly sessions: number
  readonly seconds: number
  readonly before: Held
  readonly after: Held
}

/** Clients at once. */
const lanes = 8

/** So long the monitor of a command is there at most. */
const monitorMs = 12_000

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'nc -ll -p 7001 -e cat & head -c 20000000 /dev/zero > /big; i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 0.2; done']
`

/**
 * Opens and drops sessions with a pod on real Podman, `times` in each way, and says what was held before and after.
 * Inside a world of its own only.
 *
 * @example const { before, after } = await dropSessions(world, { times: 125 }, line => process.stdout.write(line))
 */
export const dropSessions = async (
  world: OwnWorld,
  plan: { readonly times: number },
  say: (line: string) => void,
): Promise<DropResult> => {
  const countsFolder = watchInside(world.folder)
  const fleet = await startFleet(world)
  try {
    const node = await fleet.addNode('a')
    const agent = await startBundle(node, { binary: ownNode(world) })
    await fleet.mustDunlin(['apply', '-f', '-'], pod)
    await podsReady(fleet, 'app=web', 1)

    const play = async (times: number): Promise<number> => {
      const queue = Array.from({ length: times }, () => Object.entries(drops)).flat()
      const { length } = queue
      const lane = async (): Promise<void> => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [name, drop] = next
          await drop(fleet.kube).catch((error: unknown) => {
            throw new Error(`${name}: ${String(error)}`, { cause: error })
          })
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
      return length
    }
    const held = async (): Promise<Held> => {
      // The node's session and the engine's service are there in both looks.
      const path = '/api/v1/namespaces/default/pods/web/exec'
      const query = [
        ['command', 'true'],
        ['stdout', 'true'],
      ] as const
      const socket = await openChannels(fleet.kube.context, path, query, new AbortController().signal)
      for await (const _ of socket.messages);
      return await heldNow({ fleet, node, agentPid: agent.pid, countsFolder })
    }
    /** The monitor of a command stays ten seconds after it, and a connection that was cut is noticed a little later. */
    const settled = async (): Promise<Held> => {
      await until(
        'the end of all sessions',
        async () => {
          // A look is a command, too: the monitor of the one before is gone first.
          await new Promise(resolve => setTimeout(resolve, monitorMs))
          const now = await held()
          if (now.listed <= 0 && now.monitors <= 3) return true
          throw new Error(JSON.stringify({ ...now, hub: undefined, agent: undefined }))
        },
        180,
      )
      let least = await held()
      for (let look = 0; look < 4; look += 1) {
        await new Promise(resolve => setTimeout(resolve, 1500))
        const now = await held()
        least = {
          ...leastOf(least, now),
          processes: Math.min(least.processes, now.processes),
          monitors: Math.min(least.monitors, now.monitors),
          execSessions: Math.min(least.execSessions, now.execSessions),
          listed: Math.min(least.listed, now.listed),
          streams: Math.min(least.streams, now.streams),
        }
      }
      return least
    }

    await play(2)
    const before = await settled()
    say(`before: ${JSON.stringify(before)}`)
    const began = performance.now()
    const sessions = await play(plan.times)
    const seconds = (performance.now() - began) / 1000
    say(`${sessions} sessions in ${seconds.toFixed(0)} s`)
    const after = await settled()
    say(`after: ${JSON.stringify(after)}`)
    await agent.stop()
    return { sessions, seconds, before, after }
  } finally {
    for (const node of fleet.nodes) await node.machine.powerOff()
    await fleet.close()
  }
}
