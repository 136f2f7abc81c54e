interface OfContainer {
  readonly container: string
  readonly attempt: number
}

interface StepTable {
  readonly 'pull image': { readonly container: string; readonly image: string; readonly specHash: string }
  readonly 'prepare volumes': object
  readonly 'make sandbox': object
  readonly 'attach network': object
  readonly 'write files': object
  readonly 'create container': OfContainer & { readonly specHash: string }
  readonly 'start container': OfContainer
  readonly 'run postStart': OfContainer
  readonly 'run preStop': OfContainer & { readonly timeoutSeconds: number }
  readonly 'stop container': OfContainer & { readonly graceSeconds: number }
  readonly 'remove container': OfContainer
  readonly 'detach network': object
  readonly 'remove sandbox': object
  readonly 'remove volumes': object
}

export type StepAction = keyof StepTable

/**
 * One idempotent act for a pod, with its reason in words. The agent has one executor per action, and does not
 * compile where one is missing. The steps of a plan are done in order; the first that fails ends the round.
 */
export type Step<A extends StepAction = StepAction> = {
  [K in A]: { readonly action: K; readonly reason: string } & StepTable[K]
}[A]

/** Steps that take long: they run beside the loop, and wake it when they end. */
export const longActions: ReadonlySet<StepAction> = new Set<StepAction>([
  'pull image',
  'run postStart',
  'run preStop',
  'stop container',
])

/**
 * Names what a step works on, the same for two steps that are one and the same deed.
 * @example stepKey({ action: 'stop container', container: 'web', attempt: 2, … }) // 'stop container web 2'
 */
export const stepKey = (step: Step): string => {
  const target = 'container' in step ? ` ${step.container}` : ''
  const attempt = 'attempt' in step ? ` ${step.attempt}` : ''
  return `${step.action}${target}${attempt}`
}

/** A step as people read it. @example sentenceOf(step) // 'create container web 0: it is desired and not there' */
export const sentenceOf = (step: Step): string => `${stepKey(step)}: ${step.reason}`
