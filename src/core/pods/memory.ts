import type { ContainerStateTerminated } from '../../api/types.ts'

/**
 * What was learned of a pod by trying, as a value: restarts, back-off, what has ended and how. Updated by pure functions
 * only. Times called `…Ms` are milliseconds of monotonic time and mean nothing in another life of the agent
 * (see `withoutTimes`); times as texts are RFC 3339.
 */
export interface PodMemory {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** When the node first took the pod up: status.startTime. */
  readonly startedAt: string
  /** Of the newest spec seen, for a pod that is gone from the assignment without a word. */
  readonly graceSeconds: number
  readonly sidecars: readonly string[]
  /** Whether all init containers have succeeded in the sandbox that is there now. */
  readonly isInitialized: boolean
  /** The address for which the sandbox's files were written; 'host' where it has none. */
  readonly writtenFor?: string
  readonly containers: { readonly [name: string]: ContainerMemory }
  /** The pod has ended, for good. */
  readonly outcome?: Outcome
  /** The step before any container that fails: volumes, sandbox or network. */
  readonly trouble?: Trouble
  /** For how long it was active: activeDeadlineSeconds must not trip over a clock that jumps. */
  readonly activeMs: number
  readonly lookedAtMs?: number
  /** Its deletion, once seen. */
  readonly ending?: { readonly sinceMs: number; readonly graceSeconds: number }
  /** lastTransitionTime of each condition. */
  readonly transitions: { readonly [type: string]: { readonly status: string; readonly at: string } }
}

export interface ContainerMemory {
  /** The newest attempt that was ever seen; -1 for none. It is the restart count. */
  readonly attempt: number
  /** Spec hash of the newest container that ran. */
  readonly ranHash?: string
  /** Spec hash for which the image was pulled. */
  readonly pulledHash?: string
  /** How the newest attempt that has ended did so. */
  readonly end?: End
  /** How the one before that ended. */
  readonly endBefore?: ContainerStateTerminated
  readonly trouble?: Trouble
  readonly postStart?: { readonly attempt: number; readonly failure?: string }
  /** The stop under way: since when, and whether the preStop hook is done. */
  readonly stopping?: {
    readonly attempt: number
    readonly sinceMs: number
    readonly reason: string
    readonly isHookDone: boolean
  }
  /** What the probes last said, so that a new life of the agent begins with it. */
  readonly probed?: { readonly attempt: number; readonly isStarted: boolean; readonly isReady: boolean }
}

export interface End {
  readonly attempt: number
  /** 0: the next attempt may start at once; n: after 10 s doubled n-1 times. */
  readonly level: number
  readonly terminated: ContainerStateTerminated
  /** Absent: in an earlier life of the agent. */
  readonly seenAtMs?: number
}

export interface Outcome {
  readonly phase: 'Succeeded' | 'Failed'
  readonly reason?: string
  readonly message?: string
}

/** A step that fails, and when to try again. */
export interface Trouble {
  readonly reason: string
  readonly message: string
  readonly tries: number
  readonly retryAtMs: number
}

export const emptyContainerMemory: ContainerMemory = { attempt: -1 }

/** Takes away what means nothing in another life of the agent: monotonic times, and stops whose start is not known. */
export const withoutTimes = (memory: PodMemory): PodMemory => {
  const { lookedAtMs: _looked, ending: _ending, trouble: _trouble, ...rest } = memory
  const containers = Object.entries(memory.containers).map(([name, one]) => {
    const { stopping: _stopping, trouble: _containerTrouble, end, ...kept } = one
    if (end === undefined) return [name, kept] as const
    const { seenAtMs: _seen, ...ended } = end
    return [name, { ...kept, end: ended }] as const
  })
  return { ...rest, containers: Object.fromEntries(containers) }
}

export const withContainer = (memory: PodMemory, name: string, change: Partial<ContainerMemory>): PodMemory => ({
  ...memory,
  containers: { ...memory.containers, [name]: { ...(memory.containers[name] ?? emptyContainerMemory), ...change } },
})
