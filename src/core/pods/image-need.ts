import type { Container } from '../../api/types.ts'
import type { ImageFact } from './facts.ts'
import type { ContainerMemory } from './memory.ts'
import type { Step } from './step.ts'

export type ImageNeed =
  | { readonly action: 'none' }
  /** Nothing to do but wait: it is being pulled, or the next try is not due. */
  | { readonly action: 'wait'; readonly untilMs?: number }
  | { readonly action: 'pull'; readonly step: Step }

/**
 * Whether the image of a container must be fetched before the container can be made.
 * `Always` asks the registry once for each new container entry; what ran here before runs again from the local image,
 * so that a node without its registry comes back (k8s asks at every start).
 */
export const imageNeed = (
  container: Container,
  specHash: string,
  memory: ContainerMemory | undefined,
  fact: ImageFact,
  nowMs: number,
): ImageNeed => {
  const image = container.image ?? ''
  const policy = pullPolicyOf(container)
  if (policy === 'Never') return fact.isPresent ? { action: 'none' } : { action: 'wait' }
  const isKnown = memory?.pulledHash === specHash || memory?.ranHash === specHash
  if (fact.isPresent && (policy === 'IfNotPresent' || isKnown)) return { action: 'none' }
  if (fact.pull === 'pulling') return { action: 'wait' }
  if (fact.pull !== undefined && nowMs < fact.pull.retryAtMs) return { action: 'wait', untilMs: fact.pull.retryAtMs }
  const reason = fact.isPresent ? 'imagePullPolicy is Always' : 'the image is not on this node'
  return { action: 'pull', step: { action: 'pull image', container: container.name, image, specHash, reason } }
}

/** k8s: Always for `:latest` and no tag, else IfNotPresent. */
export const pullPolicyOf = (container: Container): string => {
  if (container.imagePullPolicy !== undefined) return container.imagePullPolicy
  const image = container.image ?? ''
  return /@sha256:/.test(image) || /:(?!latest$)[^:/]+$/.test(image) ? 'IfNotPresent' : 'Always'
}
