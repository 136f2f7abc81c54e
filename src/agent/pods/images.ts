import { describeError } from '../../api/fault.ts'
import type { ImageFact, PullFailure } from '../../core/pods/facts.ts'
import type { ObservedImage, PodRuntime, RegistryCredentials } from '../../core/pods/runtime.ts'
import { backoffMs } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'

/** Images of this node: what is there, and the pulls under way. */
export interface Images {
  fact(reference: string): ImageFact
  /** Asks the engine again which of these are there. */
  look(references: readonly string[]): Promise<void>
  /**
   * Pulls, with the first credentials that work. Two pulls at once; more wait. Resolves when the image is there.
   * A failure is remembered with the time of the next try. @throws the engine's error
   */
  pull(reference: string, credentials: readonly RegistryCredentials[]): Promise<void>
  /** What was known of it is doubted: the next look asks the engine. */
  doubt(reference: string): void
  /** Lets failed pulls be tried at once: credentials or references may have changed. */
  forgive(): void
  /** Removes images that nothing needs until enough disk is free. */
  collect(of: {
    readonly isNeeded: (image: ObservedImage) => boolean
    readonly hasRoom: () => Promise<boolean>
  }): Promise<readonly string[]>
  list(): Promise<readonly ObservedImage[]>
  close(): void
}

const pullsAtOnce = 2
/** An attempt that hangs longer than this is ended and tried anew. */
const pullLimitMs = 30 * 60_000
/** References whose state is remembered; the oldest without a pull goes first. */
const mostKnown = 1000

export const nodeImages = (of: {
  readonly runtime: PodRuntime
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly log: Log
}): Images => {
  const { runtime, clock, log } = of
  const present = new Map<string, boolean>()
  const pulling = new Map<string, Promise<void>>()
  const looking = new Map<string, Promise<void>>()
  const failures = new Map<string, PullFailure>()
  const waiting: (() => void)[] = []
  const stop = new AbortController()
  let active = 0

  const remember = (reference: string, isPresent: boolean): void => {
    present.delete(reference)
    present.set(reference, isPresent)
    if (present.size <= mostKnown) return
    const oldest = [...present.keys()].find(one => !pulling.has(one))
    if (oldest !== undefined) present.delete(oldest)
  }

  const ask = (reference: string): Promise<void> => {
    const asked = runtime
      .image(reference)
      .then(image => remember(reference, image !== undefined))
      .finally(() => looking.delete(reference))
    looking.set(reference, asked)
    return asked
  }

  const turn = async (): Promise<void> => {
    if (active >= pullsAtOnce) await new Promise<void>(resolve => waiting.push(resolve))
    active += 1
  }
  const done = (): void => {
    active -= 1
    waiting.shift()?.()
  }

  const pullOnce = async (reference: string, credentials: readonly RegistryCredentials[]): Promise<void> => {
    await turn()
    const limit = new AbortController()
    const cancel = clock.after(pullLimitMs, () => limit.abort())
    const signal = AbortSignal.any([limit.signal, stop.signal])
    try {
      await pullWithAny(reference, credentials, signal)
      remember(reference, true)
      failures.delete(reference)
    } catch (error) {
      const tries = (failures.get(reference)?.tries ?? 0) + 1
      const waitMs = backoffMs({ attempt: tries - 1, first: 10_000, most: 300_000 })
      // Half of the wait is chance, so that a fleet does not ask its registry all at once.
      const retryAtMs = clock.monotonic() + waitMs / 2 + (waitMs / 2) * of.random()
      if (failures.size >= mostKnown) failures.clear()
      failures.set(reference, { message: describeError(error), tries, retryAtMs })
      throw error
    } finally {
      cancel()
      done()
    }
  }

  const pullWithAny = async (
    reference: string,
    credentials: readonly RegistryCredentials[],
    signal: AbortSignal,
  ): Promise<void> => {
    // k8s: each matching pull secret in order, and nobody's credentials where there is none.
    const choices = credentials.length === 0 ? [undefined] : credentials
    let last: unknown
    for (const choice of choices) {
      try {
        await runtime.pullImage(reference, choice, signal)
        return
      } catch (error) {
        last = error
        if (signal.aborted) break
      }
    }
    throw last
  }

  return {
    fact(reference) {
      const pull = pulling.has(reference) ? 'pulling' : failures.get(reference)
      return { isPresent: present.get(reference) === true, ...(pull === undefined ? {} : { pull }) }
    },
    async look(references) {
      for (const reference of new Set(references)) {
        if (present.get(reference) === true || pulling.has(reference)) continue
        // Pods that start together ask once.
        const asked = looking.get(reference) ?? ask(reference)
        await asked
      }
    },
    pull(reference, credentials) {
      const running = pulling.get(reference)
      if (running !== undefined) return running
      const pull = pullOnce(reference, credentials).finally(() => pulling.delete(reference))
      pulling.set(reference, pull)
      return pull
    },
    doubt: reference => void present.delete(reference),
    forgive() {
      for (const [reference, failure] of failures) failures.set(reference, { ...failure, retryAtMs: 0 })
    },
    async collect({ isNeeded, hasRoom }) {
      const removed: string[] = []
      const images = (await runtime.images()).filter(image => !isNeeded(image))
      for (const image of images.toSorted((a, b) => b.bytes - a.bytes)) {
        if (await hasRoom()) break
        try {
          await runtime.removeImage(image.id)
          removed.push(image.names[0] ?? image.id)
          for (const name of image.names) present.delete(name)
        } catch (error) {
          log.info('an image that nothing needs could not be removed', { image: image.id, why: describeError(error) })
        }
      }
      present.clear()
      return removed
    },
    list: () => runtime.images(),
    close() {
      stop.abort()
      for (const go of waiting.splice(0)) go()
    },
  }
}
