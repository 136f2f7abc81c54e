import { scaleBody } from '../../api/body.ts'
import { Fault, isFault } from '../../api/fault.ts'
import { applyPatch } from '../../api/patch/apply-patch.ts'
import type { KubeObject, Scale } from '../../api/types.ts'
import { notFound } from '../store/object-names.ts'
import { json, mostBodyBytes, type ResourceRequest, type Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { checkEscalation } from './escalation-check.ts'
import { isDryRun } from './query.ts'
import { objectAt, shapeOf } from './read-objects.ts'
import { representOne } from './represent.ts'
import { scaleOf, writeScale } from './subresources.ts'
import { warningHeaders } from './warning-headers.ts'
import { fieldValidationOf, inNamespaceOf } from './write-objects.ts'

/** Rounds against other writers, where the patch itself names no version (k8s: MaxRetryWhenPatchConflicts). */
const mostRounds = 5

/** PATCH of an object, or of its status: merge, strategic merge, JSON patch, or server-side apply. */
export const patchObject = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { kind, at } = request
  const patch = await request.http.body(mostBodyBytes)
  for (let round = 1; ; round += 1) {
    const current = rest.objects.get(kind.kind, { namespace: at.namespace, name: at.name })
    try {
      return await patchOnce(request, rest, current, patch)
    } catch (error) {
      const isMoved = current?.metadata.resourceVersion !== rest.objects.get(kind.kind, at)?.metadata.resourceVersion
      if (!isFault(error, 'Conflict', 'AlreadyExists') || !isMoved || round >= mostRounds) throw error
    }
  }
}

const patchOnce = async (
  request: ResourceRequest,
  rest: Rest,
  current: KubeObject | undefined,
  patch: Uint8Array,
): Promise<HttpResponse> => {
  const { kind, at, http } = request
  const contentType = http.headers['content-type']
  if (current === undefined && contentType?.startsWith('application/apply-patch') !== true)
    throw notFound(kind, at.name)
  const shape = shapeOf(request, rest)
  const fieldValidation = fieldValidationOf(http.query)
  const patched = applyPatch({ kind, contentType, current, patch, fieldValidation })
  const object = inNamespaceOf(request, patched.object)
  const name = object.metadata.name ?? ''
  if (name !== at.name) {
    throw new Fault('BadRequest', `the name of the object (${name}) does not match the name on the URL (${at.name})`)
  }
  checkEscalation(http.caller, kind, object, current, rest)
  const by = { isDryRun: isDryRun(http.query.getAll('dryRun')) }
  const subresource = at.subresource === '' ? {} : { subresource: at.subresource }
  const made =
    current === undefined
      ? await rest.objects.create(kind.kind, object, by)
      : await rest.objects.update(kind.kind, object, { ...by, ...subresource })
  const warnings = warningHeaders([...patched.warnings, ...kind.warnings(made)])
  return json(representOne(kind, made, shape), current === undefined ? 201 : 200, warnings)
}

/** PATCH of `/scale`: the patch meets the Scale, not the object. */
export const patchScale = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { http } = request
  const patch = await http.body(mostBodyBytes)
  const current = scaleOf(objectAt(request, rest))
  const { object } = applyPatch({
    kind: scaleBody,
    contentType: http.headers['content-type'],
    current,
    patch,
    fieldValidation: fieldValidationOf(http.query),
  })
  const scale: Scale = object
  // Unless the patch names a version itself, it holds for whatever is there now.
  const isPinned = scale.metadata.resourceVersion !== current.metadata.resourceVersion
  const { resourceVersion: _, ...metadata } = scale.metadata
  return await writeScale(request, rest, isPinned ? scale : { ...scale, metadata })
}
