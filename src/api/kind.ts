import type { FaultCause } from './fault.ts'
import type { KubeObject } from './types.ts'

/**
 * One entry of the kinds table: all that the generic API needs to know of a kind. Adding a kind is adding an entry
 * and its pure functions (see kinds.ts for the table and its look-ups).
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** `''` for core. */
  readonly group: string
  readonly version: string
  /** `Pod`. Unique in the table: this is the name by which hub code asks for a kind. */
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly isNamespaced: boolean
  readonly verbs: readonly Verb[]
  readonly subresources: readonly SubresourceName[]
  /** Whether metadata.generation counts changes of spec, and status is written only through `/status`. */
  readonly hasStatus: boolean
  /** `memory`: never on disk (metrics, node Leases). */
  readonly storage: 'store' | 'memory'
  /** Name of the schema in the generated table. */
  readonly schema: string
  /** Adds what Kubernetes adds when a field is absent. Pure; idempotent. */
  defaults(object: T): T
  /** Semantic rules beyond the schema. `before` on updates: immutable fields. Empty: valid. */
  validate(object: T, before: T | undefined): readonly FaultCause[]
  /** Valid fields that are stored but do nothing yet, one sentence each: sent as `Warning` headers. */
  warnings(object: T): readonly string[]
  /** Fields by which lists may be selected, beyond metadata.name and metadata.namespace. */
  selectableFields(object: T): { readonly [path: string]: string }
  readonly columns: readonly Column[]
  /** The cells of the object's row, in the order of `columns`. `now` in ms. */
  cells(object: T, now: number): readonly Cell[]
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

export type SubresourceName =
  | 'status'
  | 'scale'
  | 'log'
  | 'eviction'
  | 'binding'
  | 'token'
  | 'finalize'
  | 'exec'
  | 'attach'
  | 'portforward'
  | 'proxy'

export type Cell = string | number | boolean | null

/** meta.k8s.io/v1 TableColumnDefinition */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format: string
  readonly description: string
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: number
}
