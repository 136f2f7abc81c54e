import type { FaultFacts } from './faults.ts'

/** A container as the engine itself shows it. */
export interface SeenContainer {
  readonly node: string
  readonly podUid: string
  readonly pod: string
  readonly container: string
  readonly id: string
  /** Of its main process, as its node counts; 0 when it has none. */
  readonly pid: number
  readonly state: string
  /** As the engine says it; compared, never read. */
  readonly startedAt: string
}

/** What lies on one node, besides its containers. */
export interface SeenNode {
  readonly node: string
  readonly containers: readonly SeenContainer[]
  /** Names of interfaces, without the numbers that change at every start. */
  readonly interfaces: readonly string[]
  /** Lines of the ruleset, sorted, without counters. */
  readonly rules: readonly string[]
  /** Uids of pods that have anything: sandboxes, volumes, cgroups, mounts, logs; with the place where. */
  readonly rests: readonly { readonly podUid: string; readonly place: string }[]
  /** Files that only a write under way has. */
  readonly temporaryFiles: readonly string[]
  /** How many processes of each name that serve containers are there. */
  readonly processes: { readonly [name: string]: number }
}

/** A pod that the hub wants on a node. */
export interface WantedPod {
  readonly uid: string
  readonly node: string
  readonly name: string
  readonly containers: readonly string[]
}

export interface RoundFacts {
  readonly fault: FaultFacts
  readonly node?: string
  /** The container that was killed, where one was. */
  readonly killed?: { readonly podUid: string; readonly container: string }
  readonly before: readonly SeenNode[]
  readonly after: readonly SeenNode[]
  readonly wanted: readonly WantedPod[]
  /** Writes that were acknowledged, and the least that must be there. */
  readonly acknowledged: ReadonlyMap<string, number>
  readonly found: ReadonlyMap<string, number>
  readonly requests: { readonly answered: number; readonly failed: number }
  /** What strangers got that they must not get. */
  readonly admitted: readonly string[]
  /** Processes of ours that ended by themselves, with their last words. */
  readonly ended: readonly string[]
}

/** What must not be. */
export type Finding = { readonly what: string } & (
  | { readonly finding: 'needless restart' }
  | { readonly finding: 'lost write' }
  | { readonly finding: 'stranger admitted' }
  | { readonly finding: 'leftover' }
  | { readonly finding: 'failed request' }
  | { readonly finding: 'ended by itself' }
  | { readonly finding: 'not converged' }
)

/**
 * Everything that a round broke; empty when it broke nothing.
 *
 * @example judgeRound({ fault: faultTable['hub killed'], before, after, wanted, … })
 */
export const judgeRound = (of: RoundFacts): readonly Finding[] => [
  ...restarts(of),
  ...lostWrites(of),
  ...of.admitted.map(what => ({ finding: 'stranger admitted' as const, what })),
  ...of.ended.map(what => ({ finding: 'ended by itself' as const, what })),
  ...(of.fault.cutsClients || of.requests.failed === 0
    ? []
    : [
        {
          finding: 'failed request' as const,
          what: `${of.requests.failed} of ${of.requests.answered + of.requests.failed} requests failed`,
        },
      ]),
  ...leftovers(of),
]

const restarts = (of: RoundFacts): readonly Finding[] => {
  const wanted = new Set(of.wanted.map(pod => pod.uid))
  const now = new Set(of.after.flatMap(node => node.containers).map(sameRun))
  return of.before
    .flatMap(node => node.containers)
    .filter(one => one.state === 'running' && !mayHaveEnded(one, of) && !now.has(sameRun(one)))
    .map(one => ({
      finding: 'needless restart',
      what: `${one.pod}/${one.container} on ${one.node}: ${wanted.has(one.podUid) ? `was ${one.id.slice(0, 12)} since ${one.startedAt}, is ${describe(one, of)}` : 'its pod is gone'}`,
    }))
}

const sameRun = (one: SeenContainer): string =>
  `${one.node} ${one.podUid} ${one.container} ${one.id} ${one.startedAt} ${one.state}`

const describe = (one: SeenContainer, of: RoundFacts): string =>
  of.after
    .flatMap(node => node.containers)
    .filter(now => now.podUid === one.podUid && now.container === one.container)
    .map(now => `${now.id.slice(0, 12)} ${now.state} since ${now.startedAt}`)
    .join(', ') || 'not there'

const mayHaveEnded = (one: SeenContainer, of: RoundFacts): boolean => {
  switch (of.fault.kills) {
    case 'nothing':
      return false
    case 'one container':
      return of.killed?.podUid === one.podUid && of.killed.container === one.container
    case 'a node':
      return one.node === of.node
  }
}

const lostWrites = (of: RoundFacts): readonly Finding[] =>
  [...of.acknowledged]
    .filter(([name, number]) => (of.found.get(name) ?? -1) < number)
    .map(([name, number]) => ({
      finding: 'lost write',
      what: `${name} was acknowledged as ${number}, found ${of.found.get(name) ?? 'nothing'}`,
    }))

/** Of each container the running one, and the last that ended for its log. */
const mostRunsKept = 2

const leftovers = (of: RoundFacts): readonly Finding[] =>
  of.after.flatMap(node => {
    const here = of.wanted.filter(pod => pod.node === node.node)
    const uids = new Set(here.map(pod => pod.uid))
    const strange = node.containers
      .filter(one => !uids.has(one.podUid))
      .map(one => `container ${one.container} of pod ${one.pod}`)
    const counts = Map.groupBy(node.containers, one => `${one.pod}/${one.container}`)
    const many = [...counts]
      .filter(([, runs]) => runs.length > mostRunsKept)
      .map(([name, runs]) => `${runs.length} runs of ${name}`)
    const rests = node.rests.filter(rest => !uids.has(rest.podUid)).map(rest => `${rest.place} of pod ${rest.podUid}`)
    const before = of.before.find(one => one.node === node.node)
    const more =
      before === undefined
        ? []
        : [
            ...surplus(node.interfaces, before.interfaces).map(name => `interface ${name}`),
            ...surplus(node.rules, before.rules).map(line => `rule ${line}`),
          ]
    const running = node.containers.filter(one => one.state === 'running').length
    const conmons = node.processes['conmon'] ?? 0
    const processes = conmons > running ? [`${conmons} conmons for ${running} running containers`] : []
    return [
      ...strange,
      ...many,
      ...rests,
      ...more,
      ...processes,
      ...node.temporaryFiles.map(path => `file ${path}`),
    ].map(what => ({ finding: 'leftover' as const, what: `${what} on ${node.node}` }))
  })

/** What is in `now` more often than in `before`. */
const surplus = (now: readonly string[], before: readonly string[]): readonly string[] => {
  const rest = [...before]
  return now.filter(one => {
    const at = rest.indexOf(one)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
