import { ageOf } from '../duration.ts'
import type { FaultCause } from '../fault.ts'
import type { Cell, Column, Kind, SubresourceName, Verb } from '../kind.ts'
import { metadataCauses } from '../metadata.ts'
import { dnsSubdomain, type NameRule } from '../names.ts'
import type { KubeObject } from '../types.ts'

/** What a kind's own file says; the rest follows. */
export interface KindWords<T extends KubeObject> {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly isNamespaced: boolean
  readonly verbs?: readonly Verb[]
  readonly subresources?: readonly SubresourceName[]
  readonly storage?: 'store' | 'memory'
  readonly schema?: string
  /** The rule of its names. Absent: DNS subdomain. */
  readonly nameRule?: NameRule
  readonly defaults?: (object: T) => T
  /** Beyond metadata, which is checked for every kind. */
  readonly validate?: (object: T, before: T | undefined) => readonly FaultCause[]
  readonly warnings?: (object: T) => readonly string[]
  readonly selectableFields?: (object: T) => { readonly [path: string]: string }
  readonly columns: readonly Column[]
  readonly cells: (object: T, now: number) => readonly Cell[]
}

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

/** How many causes an answer tells; more help nobody. */
const maxCauses = 100

/** Makes an entry of the kinds table. */
export const aKind = <T extends KubeObject>(words: KindWords<T>): Kind<T> => {
  const rules = { name: words.nameRule ?? dnsSubdomain, isNamespaced: words.isNamespaced }
  return {
    group: words.group,
    version: words.version,
    kind: words.kind,
    plural: words.plural,
    singular: words.kind.toLowerCase(),
    shortNames: words.shortNames ?? [],
    categories: words.categories ?? [],
    isNamespaced: words.isNamespaced,
    verbs: words.verbs ?? allVerbs,
    subresources: words.subresources ?? [],
    hasStatus: words.subresources?.includes('status') ?? false,
    storage: words.storage ?? 'store',
    schema: words.schema ?? words.kind,
    defaults: words.defaults ?? (object => object),
    validate: (object, before) =>
      [...metadataCauses(object, before, rules), ...(words.validate?.(object, before) ?? [])].slice(0, maxCauses),
    warnings: words.warnings ?? (() => []),
    selectableFields: object => ({
      'metadata.name': object.metadata.name ?? '',
      ...(words.isNamespaced ? { 'metadata.namespace': object.metadata.namespace ?? '' } : {}),
      ...words.selectableFields?.(object),
    }),
    columns: words.columns,
    cells: words.cells,
  }
}

/** A column of text that is always shown. */
export const column = (name: string, description: string, type: Column['type'] = 'string'): Column => ({
  name,
  type,
  format: '',
  description,
  priority: 0,
})

/** A column of text that is shown with `-o wide`. */
export const wideColumn = (name: string, description: string, type: Column['type'] = 'string'): Column => ({
  ...column(name, description, type),
  priority: 1,
})

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
  priority: 0,
}

export const ageColumn: Column = column(
  'Age',
  'CreationTimestamp is a timestamp representing the server time when this object was created.',
)

export const nameOf = (object: KubeObject): string => object.metadata.name ?? ''

export const age = (object: KubeObject, now: number): string => ageOf(object.metadata.creationTimestamp, now)

/** `<none>` for what is empty, as kubectl's tables say it. */
export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text)

/** The members of a map as `a=b,c=d`, or `<none>`. */
export const labelsText = (labels: { readonly [key: string]: string } | undefined): string =>
  orNone(
    Object.entries(labels ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  )
