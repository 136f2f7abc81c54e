/** What the agent knows of a pod beside the engine's answer: values, gathered before a decision. */
export interface Facts {
  readonly images: (reference: string) => ImageFact
  /** The pod's address, while it is attached to the network. */
  readonly address: string | undefined
  /** `stale`: there, but of older content than desired. */
  readonly volumes: 'absent' | 'stale' | 'ready'
  readonly probes: { readonly [container: string]: ProbeFact | undefined }
  /** Long steps under way, by `stepKey`; for a stop the monotonic ms at which it will kill. */
  readonly ongoing: ReadonlyMap<string, number>
}

export interface ImageFact {
  readonly isPresent: boolean
  readonly pull?: 'pulling' | PullFailure
}

export interface PullFailure {
  readonly message: string
  readonly tries: number
  readonly retryAtMs: number
}

export interface ProbeFact {
  readonly attempt: number
  readonly isStarted: boolean
  readonly isReady: boolean
  /** A liveness or startup probe has failed for good: what it said. */
  readonly failure?: string
}
