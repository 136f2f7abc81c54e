import type { PodMemory } from './memory.ts'
import type { Step } from './step.ts'

/** A plan in the making: passed from decision to decision, each adding to it. */
export interface Planning {
  readonly steps: readonly Step[]
  readonly memory: PodMemory
  readonly lookAgainAtMs: number | undefined
}

export const withSteps = (planning: Planning, ...steps: readonly Step[]): Planning => ({
  ...planning,
  steps: [...planning.steps, ...steps],
})

/** The earliest wish wins. */
export const lookAgain = (planning: Planning, atMs: number | undefined): Planning => ({
  ...planning,
  lookAgainAtMs:
    atMs === undefined ? planning.lookAgainAtMs : Math.min(planning.lookAgainAtMs ?? Number.POSITIVE_INFINITY, atMs),
})
