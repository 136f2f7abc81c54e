import { podTemplateDefaults } from '../../api/pods/pod-defaults.ts'
import type { PodTemplateSpec } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'

export const templateHashLabel = 'pod-template-hash'

/**
 * Short name of a pod template: the same for equal templates, in letters that make no words. `collisionCount` makes
 * another one where two templates met. k8s: ComputeHash, SafeEncodeString
 *
 * @example templateHash(deployment.spec.template, 0) // 'bd6f9c7d8z'
 */
export const templateHash = (template: PodTemplateSpec, collisionCount: number): string => {
  const text = `${canonicalJson(template)}${collisionCount === 0 ? '' : `#${collisionCount}`}`
  return safeText(fnv1a(text))
}

/** FNV-1a over UTF-16 code units, 32 bits. */
export const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  }
  return hash
}

const letters = 'bcdfghjklmnpqrstvwxz2456789'

const safeText = (hash: number): string =>
  [...String(hash)].map(digit => letters[digit.charCodeAt(0) % letters.length] ?? '').join('')

/**
 * Whether two templates want the same pods: all but the hash label. Both are completed first, so that a hub that knows
 * a new default finds no difference between a template that was stored with it and one that was stored before.
 */
export const sameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  canonicalJson(withoutHash(a)) === canonicalJson(withoutHash(b))

/** Templates without their hash label, and without members that say nothing (`creationTimestamp: null`, `{}`). */
const withoutHash = (given: PodTemplateSpec | undefined): unknown => {
  const template = given?.spec?.containers === undefined ? given : podTemplateDefaults(given)
  const { labels, annotations } = template?.metadata ?? {}
  const { [templateHashLabel]: _, ...own } = labels ?? {}
  return {
    labels: own,
    annotations: annotations ?? {},
    finalizers: template?.metadata?.finalizers ?? [],
    spec: template?.spec ?? {},
  }
}
