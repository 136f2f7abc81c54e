import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { apiVersion } from '../store/object-names.ts'
import type { Representation } from './accept.ts'

/** What a list or a Table says of itself. */
export interface ListMeta {
  readonly resourceVersion?: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** How much of its object a row carries (k8s: includeObject). */
export type RowObject = 'None' | 'Metadata' | 'Object'

/** Which shape, in all that decides it. */
export interface Shape {
  readonly representation: Representation
  readonly rowObject: RowObject
  /** Milliseconds since 1970, for ages. */
  readonly now: number
}

export const representOne = (kind: Kind, object: KubeObject, shape: Shape): unknown => {
  switch (shape.representation.as) {
    case 'object':
      return object
    case 'metadata':
      return partialMetadata(object, shape.representation.version)
    case 'table': {
      const { resourceVersion } = object.metadata
      return table(kind, [object], resourceVersion === undefined ? {} : { resourceVersion }, shape, true)
    }
  }
}

export const representList = (kind: Kind, objects: readonly KubeObject[], meta: ListMeta, shape: Shape): unknown => {
  switch (shape.representation.as) {
    case 'object':
      return { kind: `${kind.kind}List`, apiVersion: apiVersion(kind), metadata: meta, items: objects }
    case 'metadata': {
      const { version } = shape.representation
      const items = objects.map(object => partialMetadata(object, version))
      return { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata: meta, items }
    }
    case 'table':
      return table(kind, objects, meta, shape, true)
  }
}

/** A row on its own, for watches: the columns are in the first one only. */
export const table = (
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: ListMeta,
  shape: Shape,
  hasColumns: boolean,
) => {
  const version = shape.representation.as === 'table' ? shape.representation.version : 'v1'
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: hasColumns ? kind.columns : [],
    rows: objects.map(object => ({
      cells: kind.cells(object, shape.now),
      ...rowObject(object, shape.rowObject, version),
    })),
  }
}

const rowObject = (object: KubeObject, include: RowObject, version: string) =>
  include === 'None' ? {} : { object: include === 'Object' ? object : partialMetadata(object, version) }

const partialMetadata = (object: KubeObject, version: string) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata,
})
