import type { ObservedImage, ObservedPod } from '../../core/pods/runtime.ts'
import type { Desired } from './desired.ts'

/**
 * Images that must stay: those that pods are to run (the current and the next), those that containers are made of, and
 * the ones that were replaced last, for a way back.
 */
export interface NeededImages {
  /** To be called with every change of what is desired. */
  desiredChanged(before: Desired | undefined, after: Desired): void
  needed(desired: Desired | undefined, observed: readonly ObservedPod[]): (image: ObservedImage) => boolean
}

/** References kept for a way back; older ones may leave when the disk is full. */
const mostPrevious = 10

export const neededImages = (): NeededImages => {
  const previous: string[] = []
  return {
    desiredChanged(before, after) {
      const now = referencesOf(after)
      for (const reference of before === undefined ? [] : referencesOf(before)) {
        if (now.has(reference) || previous.includes(reference)) continue
        previous.unshift(reference)
        previous.length = Math.min(previous.length, mostPrevious)
      }
    },
    needed(desired, observed) {
      const references = new Set([...(desired === undefined ? [] : referencesOf(desired)), ...previous])
      const ids = new Set(observed.flatMap(pod => pod.containers.flatMap(one => [one.imageId, one.image])))
      return image =>
        ids.has(image.id) || [...image.names, ...image.digests].some(name => isNamed(references, name) || ids.has(name))
    },
  }
}

const referencesOf = (desired: Desired): ReadonlySet<string> =>
  new Set(
    [...desired.pods.values()].flatMap(pod =>
      [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(one => one.image ?? ''),
    ),
  )

/** `nginx` is what the engine lists as `docker.io/library/nginx:latest`. */
const isNamed = (references: ReadonlySet<string>, name: string): boolean => {
  const short = name.replace(/^docker\.io\/(library\/)?/, '')
  return [name, short, name.replace(/:latest$/, ''), short.replace(/:latest$/, '')].some(one => references.has(one))
}
