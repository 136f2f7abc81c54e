import type { Kind } from '../../api/kind.ts'
import { fieldsMatch, matches, parseFieldSelector, parseSelector } from '../../api/selector.ts'
import type { KubeObject } from '../../api/types.ts'

export interface ObjectSelection {
  readonly selects: (object: KubeObject) => boolean
  /** Whether it selects everything. */
  readonly isEverything: boolean
}

/**
 * What `labelSelector`, `fieldSelector` and the path select.
 *
 * @throws Fault BadRequest for a selector that is none, or a field that the kind does not offer
 */
export const objectSelection = (
  kind: Kind,
  query: URLSearchParams,
  at: { readonly namespace: string; readonly name: string },
): ObjectSelection => {
  const labels = parseSelector(query.get('labelSelector') ?? '')
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '')
  const isEverything = labels.length === 0 && fields.length === 0 && at.name === ''
  return {
    isEverything,
    selects: object =>
      (at.namespace === '' || object.metadata.namespace === at.namespace) &&
      (at.name === '' || object.metadata.name === at.name) &&
      (labels.length === 0 || matches(labels, object.metadata.labels)) &&
      (fields.length === 0 || fieldsMatch(fields, offered(kind, object))),
  }
}

const offered = (kind: Kind, object: KubeObject): { readonly [path: string]: string } => ({
  'metadata.name': object.metadata.name ?? '',
  'metadata.namespace': object.metadata.namespace ?? '',
  ...kind.selectableFields(object),
})
