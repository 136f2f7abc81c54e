import type { KubeObject, ObjectKey } from '../api/types.ts'

/**
 * The hub's objects, as every part inside the hub reads and writes them: REST, controllers, fleet.
 * Reads come from the watch cache in memory (objects are shared: never change one). Writes take the same road as a
 * request from outside: defaults, validation, immutable fields, allocation, one store transaction.
 * `kind` is the Kind's name with its group where that is not plain, as in the kinds table: `Pod`, `Deployment`, `Lease`.
 */
export interface Objects {
  /** Resolves when the cache holds a full snapshot. Nothing may be decided before. */
  synced(): Promise<void>
  /** The cache's revision: everything up to it is in what `get` and `list` return. */
  readonly revision: number
  get<T extends KubeObject>(kind: string, key: ObjectKey): T | undefined
  list<T extends KubeObject>(kind: string, where?: { readonly namespace?: string }): readonly T[]
  /** All objects of the named kinds as of one revision: what assignments are rendered from. */
  snapshot(): { readonly revision: number }
  /** Calls `changed` for every change of the kind, after the cache has it. `undefined`: not there (any more). */
  onChange<T extends KubeObject>(
    kind: string,
    changed: (key: ObjectKey, now: T | undefined, before: T | undefined) => void,
  ): () => void

  /** @throws Fault AlreadyExists | Invalid | NotFound (namespace) … */
  create<T extends KubeObject>(kind: string, object: T, by?: WriteOptions): Promise<T>
  /** Compare-and-swap when `metadata.resourceVersion` is set. A write that changes nothing changes no revision. */
  update<T extends KubeObject>(
    kind: string,
    object: T,
    by?: WriteOptions & { readonly subresource?: string },
  ): Promise<T>
  /**
   * Reads, applies `change`, writes; again on conflict, up to 5 times. `change` returns undefined to leave it as it is.
   * Resolves to the newest object, or undefined where it does not exist.
   */
  modify<T extends KubeObject>(
    kind: string,
    key: ObjectKey,
    change: (now: T) => T | undefined,
    by?: WriteOptions & { readonly subresource?: string },
  ): Promise<T | undefined>
  /**
   * Marks or removes, as Kubernetes does (finalizers, grace of pods, propagation). Resolves to the marked object, or to
   * the last state of one that is gone; undefined when it was not there.
   * @throws Fault Conflict when a precondition does not hold
   */
  delete(kind: string, key: ObjectKey, options?: DeleteOptions): Promise<KubeObject | undefined>
  /** Removes a pod for good, when its node has let go of it (or never took it). Finalizers still keep it. */
  removeFinally(kind: string, key: ObjectKey, uid: string): Promise<void>

  /** In memory only, never on disk: node heartbeats and node Leases. Merged into reads and watches. */
  touch<T extends KubeObject>(kind: string, key: ObjectKey, change: (now: T) => T): void
}

export interface WriteOptions {
  /** For managedFields and audit, e.g. `deployment-controller`. */
  readonly fieldManager?: string
  /** Does everything but the write. */
  readonly isDryRun?: boolean
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  /** Does everything but the write. */
  readonly isDryRun?: boolean
}
