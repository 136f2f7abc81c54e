import { humanDuration } from '../duration.ts'
import type { Cell, Column } from '../kind.ts'
import { age, ageColumn, column, nameColumn, nameOf, orNone, wideColumn } from '../kinds/a-kind.ts'
import type { ContainerStatus, Pod } from '../types.ts'

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', 'The aggregate readiness state of this pod for accepting traffic.'),
  column('Status', 'The aggregate status of the containers in this pod.'),
  column(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
  ),
  ageColumn,
  wideColumn(
    'IP',
    'podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.',
  ),
  wideColumn('Node', 'NodeName indicates in which node this pod is scheduled.'),
  wideColumn('Nominated Node', 'nominatedNodeName is set only when this pod preempts other pods on the node.'),
  wideColumn('Readiness Gates', 'If specified, all readiness gates will be evaluated for pod readiness.'),
]

/** The row of a pod, as `kubectl get pods` shows it (k8s: printers/internalversion, printPod). */
export const podCells = (pod: Pod, now: number): readonly Cell[] => {
  const { status, ready, total, restarts, lastRestart } = podSummary(pod)
  const gates = pod.spec?.readinessGates ?? []
  const trueGates = gates.filter(gate =>
    pod.status?.conditions?.some(one => one.type === gate.conditionType && one.status === 'True'),
  )
  return [
    nameOf(pod),
    `${ready}/${total}`,
    status,
    restarts === 0 || lastRestart === undefined
      ? String(restarts)
      : `${restarts} (${humanDuration(now - lastRestart)} ago)`,
    age(pod, now),
    orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
    orNone(pod.spec?.nodeName),
    orNone(pod.status?.nominatedNodeName),
    gates.length === 0 ? '<none>' : `${trueGates.length}/${gates.length}`,
  ]
}

export interface PodSummary {
  /** The STATUS word: `Running`, `CrashLoopBackOff`, `Init:0/2`, `Terminating` … */
  readonly status: string
  readonly ready: number
  readonly total: number
  readonly restarts: number
  /** When a container last ended before it was restarted, in ms. */
  readonly lastRestart: number | undefined
}

/** READY, STATUS and RESTARTS of a pod, by upstream's rules. */
export const podSummary = (pod: Pod): PodSummary => {
  const sidecars = new Set(
    pod.spec?.initContainers?.filter(one => one.restartPolicy === 'Always').map(one => one.name) ?? [],
  )
  const inits = readInits(pod, sidecars)
  const total = (pod.spec?.containers.length ?? 0) + sidecars.size
  const isInitialized =
    pod.status?.conditions?.some(one => one.type === 'Initialized' && one.status === 'True') ?? false
  const main = inits.reason === undefined || isInitialized ? readMain(pod) : undefined
  return {
    status: terminatingOr(pod, statusWord(pod, inits.reason, main)),
    ready: inits.ready + (main?.ready ?? 0),
    total,
    restarts: main === undefined ? inits.restarts : inits.sidecarRestarts + main.restarts,
    lastRestart: main === undefined ? inits.lastRestart : later(inits.lastSidecarRestart, main.lastRestart),
  }
}

const statusWord = (pod: Pod, initReason: string | undefined, main: MainState | undefined): string => {
  const word = initReason ?? wholeReason(pod)
  if (main === undefined) return word
  const reason = main.reason ?? word
  if (reason !== 'Completed' || !main.hasRunning) return reason
  return pod.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') ? 'Running' : 'NotReady'
}

const wholeReason = (pod: Pod): string => {
  const isGated = pod.status?.conditions?.some(one => one.type === 'PodScheduled' && one.reason === 'SchedulingGated')
  if (isGated === true) return 'SchedulingGated'
  return pod.status?.reason || pod.status?.phase || 'Unknown'
}

const terminatingOr = (pod: Pod, reason: string): string => {
  if (pod.metadata.deletionTimestamp === undefined) return reason
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? reason : 'Terminating'
}

interface InitState {
  /** Absent where all have done what they are for. */
  readonly reason: string | undefined
  readonly ready: number
  readonly restarts: number
  readonly sidecarRestarts: number
  readonly lastRestart: number | undefined
  readonly lastSidecarRestart: number | undefined
}

const readInits = (pod: Pod, sidecars: ReadonlySet<string>): InitState => {
  const state = { ready: 0, restarts: 0, sidecarRestarts: 0 }
  let lastRestart: number | undefined
  let lastSidecarRestart: number | undefined
  let reason: string | undefined
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecars.has(container.name)
    state.restarts += container.restartCount
    lastRestart = later(lastRestart, lastEnd(container))
    if (isSidecar) {
      state.sidecarRestarts += container.restartCount
      lastSidecarRestart = later(lastSidecarRestart, lastEnd(container))
    }
    if (container.state?.terminated?.exitCode === 0) continue
    if (isSidecar && container.started === true) {
      if (container.ready) state.ready += 1
      continue
    }
    reason = initReason(container, index, pod.spec?.initContainers?.length ?? 0)
    break
  }
  return { ...state, reason, lastRestart, lastSidecarRestart }
}

const initReason = (container: ContainerStatus, index: number, count: number): string => {
  const { terminated, waiting } = container.state ?? {}
  if (terminated !== undefined) return `Init:${terminated.reason || endWord(terminated)}`
  const why = waiting?.reason
  return why !== undefined && why !== '' && why !== 'PodInitializing' ? `Init:${why}` : `Init:${index}/${count}`
}

const endWord = (ended: { readonly signal?: number; readonly exitCode: number }): string =>
  ended.signal === undefined || ended.signal === 0 ? `ExitCode:${ended.exitCode}` : `Signal:${ended.signal}`

interface MainState {
  readonly reason: string | undefined
  readonly ready: number
  readonly hasRunning: boolean
  readonly restarts: number
  readonly lastRestart: number | undefined
}

/** The first container with something to say gives the reason. */
const readMain = (pod: Pod): MainState => {
  let reason: string | undefined
  let ready = 0
  let restarts = 0
  let lastRestart: number | undefined
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    restarts += container.restartCount
    lastRestart = later(lastRestart, lastEnd(container))
    const { waiting, terminated, running } = container.state ?? {}
    if (waiting?.reason !== undefined && waiting.reason !== '') reason = waiting.reason
    else if (terminated !== undefined) reason = terminated.reason || endWord(terminated)
    else if (container.ready && running !== undefined) ready += 1
  }
  return { reason, ready, hasRunning: ready > 0, restarts, lastRestart }
}

const lastEnd = (container: ContainerStatus): number | undefined => {
  const at = container.lastState?.terminated?.finishedAt
  const ms = at === undefined ? Number.NaN : Date.parse(at)
  return Number.isNaN(ms) ? undefined : ms
}

const later = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)
