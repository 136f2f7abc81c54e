import { createHash } from 'node:crypto'
import { descriptions } from './generated/descriptions.ts'
import type { Kind } from './kind.ts'
import { allKinds } from './kinds.ts'
import { mergeRules } from './merge-keys.ts'
import { groupVersions } from './resources.ts'
import { fieldsOf, hasSchema } from './schema.ts'
import type { FieldType } from './schema-table.ts'

/**
 * OpenAPI v3, one document a group and version, trimmed to what clients read of it: the schemas with their descriptions
 * and merge keys, and one PATCH operation a kind. It says that PATCH takes `fieldValidation`, so that kubectl leaves
 * validation to us, and it names the strategic merge patch, so that kubectl does not ask for the v2 document.
 */
export interface OpenapiDocument {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: { readonly [path: string]: unknown }
  readonly components: { readonly schemas: { readonly [name: string]: unknown } }
}

/** `GET /openapi/v3`: every document with a URL that changes when the document does. */
export const openapiIndex = () => ({
  paths: Object.fromEntries(
    documentNames().map(name => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hashOf(name)}` }]),
  ),
})

/**
 * `GET /openapi/v3/NAME`; undefined where there is no such document.
 * @param name `api/v1` or `apis/GROUP/VERSION`
 * @example openapiDocument('apis/apps/v1')?.components.schemas['Deployment']
 */
export const openapiDocument = (name: string): OpenapiDocument | undefined => {
  const of = groupVersions.find(one => documentName(one.group, one.version) === name)
  if (of === undefined) return undefined
  const kinds = allKinds.filter(kind => kind.group === of.group && kind.version === of.version)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries(kinds.map(kind => [pathOf(name, kind), { patch: patchOperation(kind) }])),
    components: { schemas: schemasOf(kinds) },
  }
}

/** Of the document's bytes: its ETag and the `hash` of its URL. Computed once for each document. */
export const hashOf = (name: string): string => {
  const known = hashes.get(name)
  if (known !== undefined) return known
  const hash = createHash('sha256')
    .update(JSON.stringify(openapiDocument(name)) ?? '')
    .digest('hex')
    .slice(0, 32)
    .toUpperCase()
  if (documentNames().includes(name)) hashes.set(name, hash)
  return hash
}

/** Bounded by the number of documents. */
const hashes = new Map<string, string>()

const documentName = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

const documentNames = (): readonly string[] => groupVersions.map(one => documentName(one.group, one.version))

const pathOf = (name: string, kind: Kind): string =>
  `/${name}${kind.isNamespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`

const queryParameter = (name: string, description: string) => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string', uniqueItems: true },
})

const patchOperation = (kind: Kind) => {
  const patch = { schema: { type: 'object' } }
  return {
    description: `partially update the specified ${kind.kind}`,
    operationId: `patch${kind.kind}`,
    parameters: [
      queryParameter('dryRun', 'All: process the request in full, but store nothing'),
      queryParameter('fieldManager', 'the name of the actor that makes the change'),
      queryParameter('fieldValidation', 'what to do with unknown or duplicate fields: Ignore, Warn or Strict'),
      queryParameter('force', 'take over fields of other actors; only with an apply patch'),
    ],
    requestBody: {
      required: true,
      content: {
        'application/apply-patch+yaml': patch,
        'application/json-patch+json': patch,
        'application/merge-patch+json': patch,
        'application/strategic-merge-patch+json': patch,
      },
    },
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: reference(kind.schema) } } } },
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: kind.group, version: kind.version, kind: kind.kind },
  }
}

/** The schemas of the kinds and all that they mention. */
const schemasOf = (kinds: readonly Kind[]): { readonly [name: string]: unknown } => {
  const schemas = new Map<string, unknown>()
  const visit = (type: string): void => {
    if (schemas.has(type)) return
    const scalar = Object.hasOwn(namedScalars, type) ? namedScalars[type] : undefined
    if (scalar !== undefined) {
      schemas.set(type, scalar)
      return
    }
    if (!hasSchema(type)) return
    schemas.set(type, {})
    const of = kinds.filter(kind => kind.schema === type)
    schemas.set(type, typeSchema(type, of))
    for (const { item } of fieldsOf(type).values()) visit(item)
  }
  for (const kind of kinds) visit(kind.schema)
  return Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const typeSchema = (type: string, kinds: readonly Kind[]) => {
  const fields = [...fieldsOf(type)]
  const required = fields.filter(([, field]) => field.isRequired).map(([name]) => name)
  return {
    type: 'object',
    ...described(type, ''),
    properties: Object.fromEntries(
      fields.map(([name, field]) => [
        name,
        { ...describedField(type, name, field), ...fieldSchema(field), ...mergeWords(`${type}.${name}`, field) },
      ]),
    ),
    ...(required.length === 0 ? {} : { required }),
    ...(kinds.length === 0
      ? {}
      : {
          'x-kubernetes-group-version-kind': kinds.map(({ group, version, kind }) => ({ group, kind, version })),
        }),
  }
}

const described = (type: string, field: string): { readonly description?: string } => {
  const text = descriptions[type]?.[field]
  return text === undefined ? {} : { description: text }
}

/** What a field means; where that is not told, what its type is. */
const describedField = (type: string, name: string, field: FieldType): { readonly description?: string } => {
  const own = described(type, name)
  return own.description === undefined ? described(field.item, '') : own
}

const fieldSchema = ({ shape, item }: FieldType): object => {
  switch (shape) {
    case 'one': {
      const schema = itemSchema(item)
      // A reference stands alone in its schema: `allOf` lets it have a description.
      return '$ref' in schema ? { allOf: [schema] } : schema
    }
    case 'list':
      return { type: 'array', items: itemSchema(item) }
    case 'map':
      return { type: 'object', additionalProperties: itemSchema(item) }
    case 'map of lists':
      return { type: 'object', additionalProperties: { type: 'array', items: itemSchema(item) } }
  }
}

const itemSchema = (item: string): object =>
  Object.hasOwn(plainScalars, item) ? (plainScalars[item] ?? {}) : reference(item)

const reference = (type: string) => ({ $ref: `#/components/schemas/${type}` })

const plainScalars: { readonly [type: string]: object } = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  any: { type: 'object' },
}

const namedScalars: { readonly [type: string]: object } = {
  Quantity: {
    description: 'A fixed-point number with a suffix, such as 500m, 1.5, 64Mi or 2G.',
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
  IntOrString: {
    description: 'An integer or a string.',
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
  },
  Time: { description: 'A time in RFC 3339, to the second.', type: 'string', format: 'date-time' },
  MicroTime: { description: 'A time in RFC 3339, to the microsecond.', type: 'string', format: 'date-time' },
}

const mergeWords = (path: string, field: FieldType) => {
  const rule = mergeRules[path]
  const listType =
    rule?.listKeys !== undefined ? 'map' : rule?.strategy === 'merge' && rule.key === undefined ? 'set' : 'atomic'
  return {
    ...(rule?.strategy === undefined ? {} : { 'x-kubernetes-patch-strategy': rule.strategy }),
    ...(rule?.key === undefined ? {} : { 'x-kubernetes-patch-merge-key': rule.key }),
    ...(field.shape === 'list' ? { 'x-kubernetes-list-type': listType } : {}),
    ...(rule?.listKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': rule.listKeys }),
  }
}
