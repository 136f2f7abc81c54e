import { type BodyKind, type FieldValidation, type ParsedBody, readManifest, remeasure, utf8 } from '../body.ts'
import { Fault } from '../fault.ts'
import { parseStrictJson } from '../strict-json.ts'
import type { KubeObject } from '../types.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge-patch.ts'
import { type Members, strategicMerge } from './strategic-merge.ts'
import { applySchemaOf, patchSchemaOf } from './typed-schema.ts'

/** The Content-Types of a PATCH. */
export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const

export interface PatchRequest {
  /** A kind of the table, or `scaleBody` and its like. */
  readonly kind: BodyKind
  readonly contentType: string | undefined
  /** As it is stored. Absent: not there, which only an apply patch may meet: it makes it then. */
  readonly current: KubeObject | undefined
  readonly patch: Uint8Array
  readonly fieldValidation: FieldValidation
}

/**
 * What an object becomes by a patch: JSON patch, JSON merge patch, strategic merge patch, or server-side apply (a merge:
 * fields that the applier leaves out stay as they are, and there are no conflicts between managers). The result is
 * measured against the schema; defaults and the kind's rules are the caller's next steps.
 *
 * @throws Fault UnsupportedMediaType, BadRequest, Invalid, NotFound (no current object), RequestEntityTooLarge
 * @example applyPatch({ kind, contentType: 'application/merge-patch+json', current, patch, fieldValidation: 'Warn' })
 */
export const applyPatch = ({
  kind,
  contentType,
  current,
  patch,
  fieldValidation,
}: PatchRequest): ParsedBody<KubeObject> => {
  const type = patchTypeOf(contentType)
  if (type === 'application/apply-patch+yaml') {
    // JSON is YAML; the content decides which of the two readers tells mistakes best.
    const isJson = utf8(patch).trimStart().startsWith('{')
    const manifest = readManifest(
      { bytes: patch, contentType: isJson ? 'application/json' : 'application/yaml', kind, fieldValidation },
      'sparse',
    )
    if (current === undefined) return remeasure(manifest.object, kind, fieldValidation)
    const result = remeasure(
      strategicMerge(membersOf(current), manifest.object, applySchemaOf(kind.schema)),
      kind,
      fieldValidation,
    )
    return { object: result.object, warnings: [...manifest.warnings, ...result.warnings] }
  }
  if (current === undefined) throw new Fault('NotFound', `there is no ${kind.kind} to patch`)
  const { value, duplicates } = parseStrictJson(utf8(patch))
  const told = duplicates.map(path => `duplicate field "${path}"`)
  if (told.length > 0 && fieldValidation === 'Strict') {
    throw new Fault('BadRequest', `strict decoding error: ${told.join(', ')}`)
  }
  const patched = remeasure(patchedBy(type, membersOf(current), value, kind.schema), kind, fieldValidation)
  return { object: patched.object, warnings: fieldValidation === 'Warn' ? [...told, ...patched.warnings] : [] }
}

const patchTypeOf = (contentType: string | undefined): (typeof patchTypes)[number] => {
  const bare = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const type = patchTypes.find(one => one === bare)
  if (type === undefined) {
    throw new Fault(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`,
    )
  }
  return type
}

const membersOf = (object: KubeObject): Members => ({ ...object })

const patchedBy = (
  type: Exclude<(typeof patchTypes)[number], 'application/apply-patch+yaml'>,
  current: Members,
  patch: unknown,
  schema: string,
): unknown => {
  if (type === 'application/json-patch+json') return jsonPatch(current, patch)
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    throw new Fault(
      'BadRequest',
      `a ${type === 'application/merge-patch+json' ? 'merge' : 'strategic merge'} patch is an object`,
    )
  }
  return type === 'application/merge-patch+json'
    ? mergePatch(current, patch)
    : strategicMerge(current, { ...patch }, patchSchemaOf(schema))
}
