import { Fault } from './fault.ts'
import { apiVersionOf, kindOf } from './kinds.ts'
import { decodeProtobuf, protobufType } from './protobuf.ts'
import { conform, type Form, type UnknownField } from './schema.ts'
import { parseStrictJson } from './strict-json.ts'
import type {
  Binding,
  DeleteOptions,
  Eviction,
  KubeObject,
  LocalSubjectAccessReview,
  Scale,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenRequest,
  TokenReview,
} from './types.ts'
import { parseYaml } from './yaml.ts'

/** What a body is measured against: an entry of the kinds table, or something that is sent but not stored. */
export interface BodyKind {
  readonly group: string
  readonly version: string
  readonly kind: string
  /** Name of the schema in the generated table. */
  readonly schema: string
}

/** The Scale of a workload, which is read, patched and put like an object. */
export const scaleBody: BodyKind = { group: 'autoscaling', version: 'v1', kind: 'Scale', schema: 'Scale' }

/** What to do with unknown and duplicate fields: refuse, tell, or drop in silence. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

export interface Body {
  readonly bytes: Uint8Array
  /** The Content-Type header; absent is JSON. */
  readonly contentType: string | undefined
  /** What the URL stands for. Absent: whatever kind of the table the manifest names. */
  readonly kind?: BodyKind | undefined
  readonly fieldValidation: FieldValidation
}

export interface ParsedBody<T> {
  readonly object: T
  /** Unknown and duplicate fields, with `Warn`: each becomes a `Warning` header. */
  readonly warnings: readonly string[]
}

/**
 * Reads a manifest from outside: JSON, YAML or Kubernetes' protobuf, measured against the schema of its kind.
 *
 * @throws Fault BadRequest (syntax, wrong types, unknown or duplicate fields with Strict, another kind than the URL's),
 * UnsupportedMediaType, RequestEntityTooLarge (YAML above 64 KiB)
 * @example parseBody({ bytes, contentType: 'application/json', kind: kindNamed('Pod'), fieldValidation: 'Strict' }).object
 */
export const parseBody = (body: Body): ParsedBody<KubeObject> => {
  const { object, warnings } = readManifest(body, 'full')
  return { object: withMetadata(object, object.apiVersion, object.kind), warnings }
}

/**
 * As parseBody, for what is not yet a whole object: `sparse` leaves required fields that are absent absent, since an
 * apply patch names only what it cares for.
 */
export const readManifest = (body: Body, form: Form) => {
  const read = readBytes(body, (apiVersion, kind) => kindOf(apiVersion, kind)?.schema ?? sentSchema(body.kind, kind))
  const named = namedKind(read.value, body.kind)
  const { value, warnings } = measured(read, named, body.fieldValidation, form)
  return { object: { ...value, apiVersion: apiVersionOf(named), kind: named.kind }, warnings }
}

/** Things that are sent but never stored. Any group and version will do for DeleteOptions, as upstream has it. */
export interface SentTypes {
  readonly Binding: Binding
  readonly DeleteOptions: DeleteOptions
  readonly Eviction: Eviction
  readonly LocalSubjectAccessReview: LocalSubjectAccessReview
  readonly Scale: Scale
  readonly SelfSubjectAccessReview: SelfSubjectAccessReview
  readonly SelfSubjectReview: SelfSubjectReview
  readonly SelfSubjectRulesReview: SelfSubjectRulesReview
  readonly SubjectAccessReview: SubjectAccessReview
  readonly TokenRequest: TokenRequest
  readonly TokenReview: TokenReview
}

/**
 * Reads something that is sent but not stored: options, reviews, evictions, scales.
 *
 * @throws Fault BadRequest, UnsupportedMediaType
 * @example parseSent('Eviction', { bytes, contentType, fieldValidation: 'Warn' }).object.deleteOptions?.gracePeriodSeconds
 */
export const parseSent = <K extends keyof SentTypes>(type: K, body: Omit<Body, 'kind'>): ParsedBody<SentTypes[K]> => {
  const read = readBytes(body, (_, kind) => (kind === type ? type : undefined))
  const kind = textOf(read.value, 'kind')
  if (kind !== undefined && kind !== type) throw new Fault('BadRequest', `expected ${aOrAn(type)}, found kind ${kind}`)
  const words = { kind: type, schema: type, group: '', version: textOf(read.value, 'apiVersion') ?? 'v1' }
  const { value, warnings } = measured(read, words, body.fieldValidation)
  if (!isOfTable<SentTypes[K]>(value)) throw new Fault('BadRequest', `expected ${aOrAn(type)}`)
  return { object: value, warnings }
}

/** A Scale is no entry of the kinds table, but may be what the URL stands for. */
const sentSchema = (expected: BodyKind | undefined, kind: string): string | undefined =>
  expected?.kind === kind ? expected.schema : undefined

const aOrAn = (word: string): string => `${/^[AEIOU]/.test(word) ? 'an' : 'a'} ${word}`

/** The schema of what a protobuf body says it is. */
type SchemaOf = (apiVersion: string, kind: string) => string | undefined

interface ReadValue {
  readonly value: { readonly [field: string]: unknown }
  /** What only the reader sees, in words: `duplicate field "spec.replicas"`. */
  readonly findings: readonly string[]
}

const readBytes = ({ bytes, contentType }: Pick<Body, 'bytes' | 'contentType'>, schemaOf: SchemaOf): ReadValue => {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  switch (type) {
    case '':
    case 'application/json':
    case '*/*':
      return readJson(bytes)
    case 'application/yaml':
    case 'application/x-yaml':
    case 'text/yaml':
      return readYaml(bytes)
    case protobufType: {
      const { apiVersion, kind, value, unknown } = decodeProtobuf(bytes, schemaOf)
      return { value: { ...value, apiVersion, kind }, findings: unknown }
    }
    default:
      throw new Fault(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format: ${type.slice(0, 100)}; accepted are application/json, application/yaml and ${protobufType}`,
      )
  }
}

/** The bytes as text. @throws Fault BadRequest where they are not UTF-8 */
export const utf8 = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new Fault('BadRequest', 'the body is not UTF-8 text', {}, error)
  }
}

const readJson = (bytes: Uint8Array): ReadValue => {
  const { value, duplicates } = parseStrictJson(utf8(bytes))
  return { value: manifestOf(value), findings: duplicates.map(path => `duplicate field "${path}"`) }
}

/** YAML is slow to read, and reading holds up everybody: more than this is sent as JSON, as kubectl always does. */
const maxYamlBytes = 64 * 1024

const readYaml = (bytes: Uint8Array): ReadValue => {
  if (bytes.length > maxYamlBytes) {
    throw new Fault(
      'RequestEntityTooLarge',
      `a YAML body may have ${maxYamlBytes} bytes, this one has ${bytes.length}: send it as JSON, as kubectl apply and dunlin apply do`,
    )
  }
  const documents = parseYaml(utf8(bytes))
  const [document] = documents
  if (document === undefined) throw new Fault('BadRequest', 'the body is empty: expected a manifest')
  if (documents.length > 1) {
    throw new Fault('BadRequest', `the body holds ${documents.length} YAML documents: send them one by one`)
  }
  return { value: manifestOf(document.value), findings: document.duplicates.map(one => `duplicate ${one}`) }
}

const manifestOf = (value: unknown): { readonly [field: string]: unknown } => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new Fault(
    'BadRequest',
    `expected a manifest (an object with apiVersion, kind and metadata), found ${Array.isArray(value) ? 'a list' : JSON.stringify(value)?.slice(0, 64)}`,
  )
}

const textOf = (value: { readonly [field: string]: unknown }, field: string): string | undefined => {
  const member = Object.hasOwn(value, field) ? value[field] : undefined
  if (member === undefined || member === null || member === '') return undefined
  if (typeof member === 'string') return member
  throw new Fault(
    'BadRequest',
    `.${field}: expected string, found ${typeof member} ${JSON.stringify(member)?.slice(0, 64)}`,
  )
}

/** The kind that the manifest names, which must be the one of the URL where there is one. */
const namedKind = (value: { readonly [field: string]: unknown }, expected: BodyKind | undefined): BodyKind => {
  const apiVersion = textOf(value, 'apiVersion')
  const kind = textOf(value, 'kind')
  if (apiVersion === undefined && Object.hasOwn(value, 'version')) {
    const meant = typeof value['version'] === 'string' ? value['version'].slice(0, 64) : 'v1'
    throw new Fault('BadRequest', `a manifest has no field "version": write "apiVersion: ${meant}"`)
  }
  if (kind === 'List' || (kind?.endsWith('List') === true && Array.isArray(value['items']))) {
    throw new Fault(
      'BadRequest',
      `a ${kind} is not an object that can be stored: send its items one by one, as kubectl apply and dunlin apply do`,
    )
  }
  if (expected !== undefined) {
    const wanted = apiVersionOf(expected)
    if (apiVersion !== undefined && apiVersion !== wanted) {
      throw new Fault(
        'BadRequest',
        `the API version in the data (${apiVersion}) does not match the expected API version (${wanted})`,
      )
    }
    if (kind !== undefined && kind !== expected.kind) {
      throw new Fault(
        'BadRequest',
        `the kind in the data (${kind}) does not match the expected kind (${expected.kind})`,
      )
    }
    return expected
  }
  if (apiVersion === undefined)
    throw new Fault('BadRequest', `Object 'apiVersion' is missing in a manifest${ofKind(kind)}`)
  if (kind === undefined) throw new Fault('BadRequest', `Object 'Kind' is missing in a manifest of ${apiVersion}`)
  const known = kindOf(apiVersion, kind)
  if (known === undefined) {
    throw new Fault(
      'BadRequest',
      `no matches for kind "${kind}" in version "${apiVersion}": it is unknown here; see what there is with "kubectl api-resources"`,
    )
  }
  return known
}

const ofKind = (kind: string | undefined): string => (kind === undefined ? '' : ` of kind ${kind}`)

const measured = (read: ReadValue, words: BodyKind, fieldValidation: FieldValidation, form: Form = 'full') => {
  const { value, unknown, wrong } = conform(read.value, words.schema, form)
  const about = `${words.kind} in version "${words.version}" cannot be handled as a ${words.kind}`
  if (wrong.length > 0) {
    const said = wrong.map(({ field, message }) => `.${field}: ${message}`).join(', ')
    throw new Fault('BadRequest', `${about}: ${said}`, { causes: wrong })
  }
  const findings = [...unknown.map(unknownText), ...read.findings]
  if (findings.length > 0 && fieldValidation === 'Strict') {
    throw new Fault('BadRequest', `${about}: strict decoding error: ${findings.join(', ')}`)
  }
  return { value, warnings: fieldValidation === 'Warn' ? findings : [] }
}

const unknownText = ({ path, near }: UnknownField): string =>
  near === undefined ? `unknown field "${path}"` : `unknown field "${path}" (did you mean "${near}"?)`

const withMetadata = (value: { readonly [field: string]: unknown }, apiVersion: string, kind: string): KubeObject => {
  const object = { metadata: {}, ...value, apiVersion, kind }
  if (!isOfTable<KubeObject>(object)) throw new Fault('BadRequest', 'expected an object')
  return object
}

/**
 * The one place where a measured value gets its TypeScript type: `conform` has checked every field against the table
 * from which the TypeScript types are generated, too.
 */
const isOfTable = <T>(value: unknown): value is T => typeof value === 'object' && value !== null

/**
 * A manifest as it is sent or stored, measured once more: what a patch made of it.
 * @throws Fault BadRequest
 */
export const remeasure = (value: unknown, kind: BodyKind, fieldValidation: FieldValidation): ParsedBody<KubeObject> => {
  const measuredValue = measured({ value: manifestOf(value), findings: [] }, kind, fieldValidation)
  return { object: withMetadata(measuredValue.value, apiVersionOf(kind), kind.kind), warnings: measuredValue.warnings }
}
