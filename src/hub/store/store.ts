/**
 * The store port, with etcd's meaning: one growing revision for everything; compare on mod-revision; watch from a
 * revision; compaction with an explicit Expired fault. SQLite now, etcd later; one contract suite for all.
 * Keys are `/group-or-core/plural/namespace/name` (namespace empty for cluster-scoped kinds); values are opaque bytes.
 */
export interface Store {
  /** Changes only when the store is created or restored from a backup. */
  readonly incarnation: number
  /** Raised at every open by a hub; the fencing term. */
  readonly term: number
  /** The newest committed revision. */
  revision(): Promise<number>
  get(key: string): Promise<StoreEntry | undefined>
  /** All keys that begin with `prefix`, in key order, as of one revision. `after` and `limit` page through them. */
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>
  /** Commits all operations as one revision if every comparison holds; durable when it resolves. */
  transact(transaction: Transaction): Promise<TransactionResult>
  /**
   * Events of committed revisions after `fromRevision`, in order, each revision once and whole.
   * @throws Fault Expired when `fromRevision` lies below the compaction
   */
  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]>
  /** Forgets superseded values up to `revision`. */
  compact(revision: number): Promise<void>
  /** A consistent copy of the whole store into `path`, while writes go on. */
  backup(path: string): Promise<void>
  close(): Promise<void>
}

export interface StoreEntry {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
}

export interface RangeOptions {
  readonly limit?: number
  /** Only keys greater than this one. */
  readonly after?: string
  /** As of this revision. @throws Fault Expired when it is compacted */
  readonly revision?: number
}

export interface RangeResult {
  readonly revision: number
  readonly entries: readonly StoreEntry[]
  readonly more: boolean
  readonly count: number
}

export interface Transaction {
  /** `modRevision: 0` means: must not exist. */
  readonly compare: readonly { readonly key: string; readonly modRevision: number }[]
  readonly operations: readonly StoreOperation[]
}

export type StoreOperation =
  | { readonly operation: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly operation: 'delete'; readonly key: string }

export interface TransactionResult {
  readonly committed: boolean
  /** The new revision, or the present one where nothing was committed. */
  readonly revision: number
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  readonly revision: number
  /** For a delete: the last value. */
  readonly value: Uint8Array
  readonly previous?: Uint8Array
}
