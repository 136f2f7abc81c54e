import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { helloArchive } from '../../scripts/images.ts'
import { type Child, startChild } from '../../scripts/quickstart/child.ts'
import { toolsArchive } from '../../scripts/tools-image.ts'
import { parseYaml } from '../../src/api/yaml.ts'
import { type KubeClient, kubeClient } from '../../src/cli/kube-client.ts'
import { readContext } from '../../src/cli/kubeconfig.ts'
import { at, listAt, textAt } from '../../src/cli/shown.ts'
import { type FleetNode, type Lan, lan, type NodeProcess } from './node.ts'
import type { OwnWorld } from './own-world.ts'

/*
 *   the test's own world: hub (a process) on the LAN's bridge ── nodes a, b, c: an agent each (a process), real Podman
 */

const ownMain = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** A hub and its nodes, all real processes, in a test's own world. */
export interface Fleet {
  readonly lan: Lan
  readonly kube: KubeClient
  readonly kubeconfig: string
  readonly hubFolder: string
  hub(): Child
  /** Starts the hub, or starts it again after `hub().stop` or a kill. */
  startHub(words?: readonly string[]): Promise<void>
  killHub(): Promise<void>
  /** A node with power and an agent that has joined; the agent runs. */
  addNode(
    name: string,
    words?: readonly string[],
    order?: { readonly allowShell?: boolean },
    network?: { readonly nat?: readonly number[] },
  ): Promise<AgentNode>
  readonly nodes: readonly AgentNode[]
  /** Which build's `src/cli/main.ts` hubs and agents are started from, from now on; undefined: this one's. */
  useProgram(main: string | undefined): void
  /** Runs the CLI against the hub. */
  dunlin(words: readonly string[], input?: string): Promise<{ readonly code: number; readonly output: string }>
  /** As `dunlin`, and the test fails where it does not end with 0. */
  mustDunlin(words: readonly string[], input?: string): Promise<string>
  close(): Promise<void>
}

export interface AgentNode {
  readonly name: string
  readonly machine: FleetNode
  /** The one it joined with. */
  readonly token: string
  agent(): NodeProcess
  /** Starts the agent process; `wrap` stands before it, e.g. a clock of another time. */
  startAgent(options?: { readonly wrap?: readonly string[]; readonly words?: readonly string[] }): void
  killAgent(signal?: NodeJS.Signals): Promise<void>
}

/** Asks until `ask` gives a value; fails with what it last said. */
export const until = async <T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  seconds = 150,
): Promise<T> => {
  const deadline = performance.now() + seconds * 1000
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const found = await ask()
      if (found !== undefined) return found
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise(resolve => setTimeout(resolve, 150))
  }
  throw new Error(`${what} did not happen within ${seconds} s${last === undefined ? '' : `: ${String(last)}`}`)
}

/** The text of a page. */
export const readPage = (url: string, timeoutMs = 2000): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = get(url, { timeout: timeoutMs, agent: false }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => {
        text += chunk
      })
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(text) : reject(new Error(`${url} answered ${answer.statusCode}`)),
      )
      answer.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)))
    request.on('error', reject)
  })

/** The environment of our processes, where it is not this one's. */
export interface FleetEnvironment {
  readonly hub?: { readonly [name: string]: string }
  readonly agent?: (node: string) => { readonly [name: string]: string }
}

/** A fleet without nodes yet. */
export const startFleet = async (
  world: OwnWorld,
  hubWords: readonly string[] = [],
  environment: FleetEnvironment = {},
): Promise<Fleet> => {
  const net = await lan(world)
  const hubFolder = join(world.folder, 'hub')
  const kubeconfig = join(hubFolder, 'admin.kubeconfig')
  const images = join(world.folder, 'images')
  mkdirSync(images, { recursive: true })
  writeFileSync(join(images, 'hello.tar'), helloArchive())
  writeFileSync(join(images, 'tools.tar'), toolsArchive())
  const nodes: AgentNode[] = []
  let main = ownMain
  const words24 = (): readonly string[] => [process.execPath, '--disable-warning=ExperimentalWarning', main]
  let hub: Child | undefined
  let kube: KubeClient | undefined

  const client = (): KubeClient => {
    if (kube === undefined) throw new Error('the hub was not started')
    return kube
  }

  const startHub = async (words: readonly string[] = hubWords): Promise<void> => {
    hub = startChild(
      'hub',
      ['hub', '--data', hubFolder, '--kubeconfig', kubeconfig, '--advertise', net.address, ...words],
      join(world.folder, 'hub.log'),
      main,
      environment.hub,
    )
    const child = hub
    await until('the hub’s start', async () => {
      if (child.hasEnded) throw new Error(`the hub ended:\n${child.tail()}`)
      kube?.close()
      kube = kubeClient(await readContext(parseYaml(readFileSync(kubeconfig, 'utf8'))[0]?.value, kubeconfig, undefined))
      await kube.request('GET', '/readyz', { accept: '*/*' }).catch(error => {
        // readyz answers with plain text.
        if (!String(error).includes('not JSON')) throw error
      })
      return true
    })
  }

  const dunlin = (
    words: readonly string[],
    input?: string,
  ): Promise<{ readonly code: number; readonly output: string }> =>
    new Promise(resolve => {
      const [program = '', ...args] = [...words24(), ...words]
      const child = execFile(
        program,
        args,
        { env: { ...process.env, KUBECONFIG: kubeconfig }, maxBuffer: 16 * 1024 * 1024, timeout: 180_000 },
        (error, stdout, stderr) =>
          resolve({
            code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
            output: stdout + stderr,
          }),
      )
      child.stdin?.end(input ?? '')
    })

  const addNode: Fleet['addNode'] = async (name, more = [], order = {}, network = {}) => {
    const bare = await net.startNode({ name, ...network })
    const made = await client().request('POST', '/dunlin/v1/join-tokens', {
      body: { ttlSeconds: 600, node: name, ...order },
    })
    const token = textAt(made, 'token') ?? ''
    let agent: NodeProcess | undefined
    const node: AgentNode = {
      machine: bare,
      name,
      token,
      agent: () => {
        if (agent === undefined) throw new Error(`the agent of ${name} was not started`)
        return agent
      },
      startAgent({ wrap = [], words = [] } = {}) {
        const own = ['--state', join(bare.disk, 'agent'), '--images', images, '--cgroup-parent', bare.cgroupParent]
        agent = bare.spawn(
          [...wrap, ...words24(), 'agent', ...own, '--join-token', token, ...more, ...words],
          environment.agent?.(name),
        )
      },
      async killAgent(signal = 'SIGKILL') {
        agent?.kill(signal)
        await agent?.exited
      },
    }
    node.startAgent()
    nodes.push(node)
    await nodeIsReady(client(), name, 60, () => node.agent().output().slice(-3000))
    return node
  }

  await startHub()
  return {
    lan: net,
    get kube() {
      return client()
    },
    kubeconfig,
    hubFolder,
    hub: () => {
      if (hub === undefined) throw new Error('the hub was not started')
      return hub
    },
    startHub,
    async killHub() {
      if (hub === undefined) return
      process.kill(hub.pid, 'SIGKILL')
      await hub.ended
    },
    addNode,
    useProgram(of) {
      main = of ?? ownMain
    },
    nodes,
    dunlin,
    async mustDunlin(words, input) {
      const { code, output } = await dunlin(words, input)
      if (code !== 0) throw new Error(`dunlin ${words.join(' ')} ended with ${code}: ${output}`)
      return output
    },
    async close() {
      kube?.close()
      await net.close()
      if (hub !== undefined) await hub.stop(10_000)
    },
  }
}

/** Waits until the node says that it is Ready. */
export const nodeIsReady = (
  kube: KubeClient,
  name: string,
  seconds = 150,
  tail: () => string = () => '',
): Promise<true> =>
  until(
    `node ${name} being Ready`,
    async () => {
      const node = await kube.request('GET', `/api/v1/nodes/${name}`)
      const ready = listAt(node, 'status', 'conditions').find(one => at(one, 'type') === 'Ready')
      if (at(ready, 'status') === 'True') return true as const
      throw new Error(`${JSON.stringify(ready)}\n${tail()}`)
    },
    seconds,
  )

/** Pods by label, as the hub shows them now. */
export const podsOf = async (fleet: Fleet, labels: string, namespace = 'default'): Promise<readonly unknown[]> =>
  listAt(
    await fleet.kube.request('GET', `/api/v1/namespaces/${namespace}/pods`, { query: { labelSelector: labels } }),
    'items',
  )

export const isReady = (pod: unknown): boolean =>
  textAt(pod, 'metadata', 'deletionTimestamp') === undefined &&
  listAt(pod, 'status', 'conditions').some(one => at(one, 'type') === 'Ready' && at(one, 'status') === 'True')

/** Waits until so many pods with these labels are ready, and no other is there. */
export const podsReady = (fleet: Fleet, labels: string, count: number, seconds = 90): Promise<readonly unknown[]> =>
  until(
    `${count} ready pods of ${labels}`,
    async () => {
      const pods = await podsOf(fleet, labels)
      if (pods.length === count && pods.every(isReady)) return pods
      throw new Error(
        pods
          .map(
            pod =>
              `${textAt(pod, 'metadata', 'name')} ${textAt(pod, 'metadata', 'deletionTimestamp') === undefined ? '' : 'terminating '}${textAt(pod, 'status', 'phase')} on ${textAt(pod, 'spec', 'nodeName')}: ${JSON.stringify(listAt(pod, 'status', 'containerStatuses').map(one => at(one, 'state')))} ${JSON.stringify(
                listAt(pod, 'status', 'conditions')
                  .filter(one => at(one, 'status') === 'False')
                  .map(one => at(one, 'message')),
              )}`,
          )
          .join('\n'),
      )
    },
    seconds,
  )

/**
 * What must not change where nothing was changed: each running container's id and start time, by pod and container.
 */
export const containersOf = async (fleet: Fleet, labels: string): Promise<ReadonlyMap<string, string>> =>
  new Map(
    (await podsOf(fleet, labels)).flatMap(pod =>
      listAt(pod, 'status', 'containerStatuses').map(
        one =>
          [
            `${textAt(pod, 'metadata', 'name')}/${textAt(one, 'name')}`,
            `${textAt(one, 'containerID')} since ${textAt(one, 'state', 'running', 'startedAt')}, restarts ${textAt(one, 'restartCount')}`,
          ] as const,
      ),
    ),
  )
