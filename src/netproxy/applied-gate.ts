/** Lets others wait until what was asked last is in force. */
export interface AppliedGate {
  /** How often was asked so far. */
  readonly asked: number
  ask(): void
  done(upTo: number): void
  failed(upTo: number, error: unknown): void
  /** Resolves when everything asked before the call is in force; rejects with why it is not. */
  applied(): Promise<void>
}

interface Waiter {
  readonly for: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** @example const gate = appliedGate(); gate.ask(); queueMicrotask(() => gate.done(gate.asked)); await gate.applied() */
export const appliedGate = (): AppliedGate => {
  let asked = 0
  let settled = 0
  let failure: { readonly error: unknown } | undefined
  let waiters: readonly Waiter[] = []

  const settle = (upTo: number, how: (waiter: Waiter) => void): void => {
    settled = Math.max(settled, upTo)
    const now = waiters.filter(waiter => waiter.for <= upTo)
    waiters = waiters.filter(waiter => waiter.for > upTo)
    now.forEach(how)
  }

  return {
    get asked() {
      return asked
    },
    ask() {
      asked += 1
    },
    done: upTo => {
      failure = undefined
      settle(upTo, waiter => waiter.resolve())
    },
    failed: (upTo, error) => {
      failure = { error }
      settle(upTo, waiter => waiter.reject(error))
    },
    applied: () =>
      settled >= asked
        ? failure === undefined
          ? Promise.resolve()
          : Promise.reject(failure.error)
        : new Promise((resolve, reject) => {
            waiters = [...waiters, { for: asked, resolve, reject }]
          }),
  }
}
