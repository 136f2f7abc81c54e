/** The Kubernetes nouns, and the few of our own that every part shares. */
export type * from './generated/types.ts'

import type { ObjectMeta } from './generated/types.ts'

/** Any stored object: what every kind has in common. */
export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
}

/** Where an object is: namespace is `''` for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace: string
  readonly name: string
}
