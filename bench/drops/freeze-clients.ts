import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { listAt, numberAt } from '../../src/cli/shown.ts'
import { podsReady, startFleet, until } from '../../test/fleet/kit.ts'
import type { OwnWorld } from '../../test/fleet/own-world.ts'
import { ownNode, startBundle } from '../kit-agent.ts'
import { countInside, watchInside } from '../soak/counts.ts'
import { type ProcessReading, readProcess } from '../soak/read-process.ts'

/*
 *   a client of each kind has read, and gone ──> memory ──> many of them, stopped in the middle ──> nothing flows ──> memory
 */

/** After a collection. */
export interface EndMemory extends ProcessReading {
  /** What is in use of the heap, and what its objects hold outside of it: bytes. */
  readonly held: number
}

export type Memory = { readonly [end in 'hub' | 'agent']: EndMemory }

export interface FrozenResult {
  /** Whose sessions were there when the memory was read. */
  readonly clients: number
  readonly before: Memory
  readonly after: Memory
  /** Bytes that had gone to the clients' connections when all stood still, by session. */
  readonly bytes: readonly number[]
  /** What another client was answered meanwhile. */
  readonly answered: string
  /** Whether those who were woken read on. */
  readonly readOn: boolean
}

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: localhost/dunlin/tools:1
      command: [sh, -c, 'yes a line that is one of very many of its kind | head -c 8000000; sleep 100000']
`

const flood = ['exec', 'web', '--', 'yes', 'a line that is one of very many of its kind']
const log = ['logs', '-f', 'web']

/**
 * Stops clients (SIGSTOP) that are sent more than they take, half of them from a command that never ends, half from a log
 * that is followed, and says what hub and agent have in memory before and then. Inside a world of its own only.
 *
 * @example const { before, after } = await freezeClients(world, { kubectl, clients: 12 }, say)
 */
export const freezeClients = async (
  world: OwnWorld,
  plan: { readonly kubectl: string; readonly clients: number },
  say: (line: string) => void,
): Promise<FrozenResult> => {
  // Little room in the kernel, so that it is ours that fills.
  for (const name of ['tcp_wmem', 'tcp_rmem']) writeFileSync(`/proc/sys/net/ipv4/${name}`, '4096 16384 65536')
  const countsFolder = watchInside(world.folder)
  const fleet = await startFleet(world)
  const running = new Set<ChildProcess>()
  try {
    const node = await fleet.addNode('a')
    const agent = await startBundle(node, { binary: ownNode(world) })
    await fleet.mustDunlin(['apply', '-f', '-'], pod)
    await podsReady(fleet, 'app=web', 1)

    const start = async (words: readonly string[]): Promise<ChildProcess> => {
      const env = { ...process.env, HOME: world.folder, KUBECONFIG: fleet.kubeconfig }
      const client = spawn(plan.kubectl, words, { env, stdio: ['ignore', 'pipe', 'ignore'] })
      running.add(client)
      await new Promise<void>((resolve, reject) => {
        client.stdout.once('data', () => resolve())
        client.once('exit', code => reject(new Error(`kubectl ${words.join(' ')} ended with ${code}`)))
      })
      client.stdout.on('data', () => {})
      return client
    }
    const end = async (client: ChildProcess): Promise<void> => {
      running.delete(client)
      if (client.exitCode !== null || client.signalCode !== null) return
      const ended = new Promise(resolve => client.once('exit', resolve))
      client.kill('SIGKILL')
      await ended
    }
    const sessions = async (): Promise<readonly number[]> =>
      listAt(await fleet.kube.request('GET', '/apis/dunlin.io/v1/sessions'), 'items').map(
        one => numberAt(one, 'status', 'bytesFromNode') ?? 0,
      )
    const readingOf = async (end: 'hub' | 'agent', pid: number): Promise<EndMemory> => {
      const { heapUsed, external } = await countInside(countsFolder, end, pid)
      const found = readProcess(pid)
      if (found === undefined) throw new Error(`the ${end} has ended`)
      return { ...found, held: heapUsed + external }
    }
    const reading = async (): Promise<Memory> => ({
      hub: await readingOf('hub', fleet.hub().pid),
      agent: await readingOf('agent', agent.pid),
    })
    /** A log that nobody takes for half a minute is given up by the hub: from `least` to `most` are left. */
    const standStill = (least: number, most: number): Promise<readonly number[]> =>
      until(
        `${least} to ${most} sessions that stand still`,
        async () => {
          const first = await sessions()
          await new Promise(resolve => setTimeout(resolve, 2000))
          const last = await sessions()
          if (last.length >= least && last.length <= most && String(first) === String(last)) return last
          throw new Error(`${first}, then ${last}`)
        },
        120,
      )

    // What a session of each kind needs once is there before it is measured.
    for (const words of [flood, log]) {
      const client = await start(words)
      await new Promise(resolve => setTimeout(resolve, 2000))
      await end(client)
    }
    await standStill(0, 0)
    const before = await reading()
    const clients: ChildProcess[] = []
    const wanted = Array.from({ length: plan.clients }, (_, index) => (index % 2 === 0 ? flood : log))
    const lane = async (): Promise<void> => {
      for (let words = wanted.shift(); words !== undefined; words = wanted.shift()) {
        const client = await start(words)
        client.kill('SIGSTOP')
        clients.push(client)
      }
    }
    await Promise.all(Array.from({ length: 6 }, lane))
    const bytes = await standStill(plan.clients / 2, plan.clients)
    const after = await reading()
    say(
      `${bytes.length} frozen clients: hub ${growth(before.hub, after.hub)}, agent ${growth(before.agent, after.agent)}`,
    )
    const answered = await fleet.mustDunlin(['exec', 'web', '--', 'echo', 'hello'])
    for (const client of clients) client.kill('SIGCONT')
    const readOn = await until('those who were woken read on', async () => {
      const now = await sessions()
      return now.length > 0 && Math.max(...now) > 2 * Math.max(...bytes) ? true : undefined
    })
    for (const client of clients) await end(client)
    await standStill(0, 0)
    await agent.stop()
    return { clients: bytes.length, before, after, bytes, answered, readOn }
  } finally {
    for (const client of running) client.kill('SIGKILL')
    for (const one of fleet.nodes) await one.machine.powerOff()
    await fleet.close()
  }
}

const growth = (before: EndMemory, after: EndMemory): string =>
  `+${Math.round((after.held - before.held) / 1024)} KiB held, +${after.pss - before.pss} KiB PSS, +${after.anonymous - before.anonymous} KiB anonymous`
