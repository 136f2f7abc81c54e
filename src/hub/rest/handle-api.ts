import { Fault } from '../../api/fault.ts'
import { auditedRest } from '../remote/audited-rest.ts'
import { notFound } from '../store/object-names.ts'
import { proxyHttp } from '../streams/proxy-http.ts'
import { accessRules } from './access-gate.ts'
import { verbOf } from './access-of.ts'
import { type Audited, admitRequest, askerOf } from './admit-request.ts'
import type { ApiHttpRequest, ResourceRequest, Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { getMetrics } from './metrics-api.ts'
import { nodeProxy } from './node-proxy.ts'
import { otherPath } from './other-paths.ts'
import { patchObject, patchScale } from './patch-objects.ts'
import { podLog } from './pod-log.ts'
import { getObject, listOrWatch } from './read-objects.ts'
import { reviews } from './reviews.ts'
import type { ResourcePath } from './route.ts'
import { bindPod, evictPod, getScale, putScale } from './subresources.ts'
import { requestToken, reviewToken } from './tokens-api.ts'
import { createObject, deleteCollection, deleteObject, updateObject } from './write-objects.ts'

/*
 *   path ──> resource? ──> verb ──> caller admitted, impersonation, RBAC ──> kind in the table? ──> what serves it
 */

/** Answers one request for the Kubernetes API. @throws Fault */
export const handleApi = async (http: ApiHttpRequest, rest: Rest, audited: Audited): Promise<HttpResponse> => {
  const { route, caller } = admitRequest(http, rest, audited)
  const request = { ...http, caller }
  if (route.route === 'other') return await otherPath(request, route.segments, rest)
  // A log, or what is proxied, is told as a session.
  const hasStream = ['log', 'proxy'].includes(route.at.subresource)
  return await serve(request, route.at, hasStream ? auditedRest(rest, askerOf(request, audited)) : rest)
}

const serve = async (http: ApiHttpRequest, at: ResourcePath, rest: Rest): Promise<HttpResponse> => {
  const { method } = http
  if (at.group === 'metrics.k8s.io' && at.version === 'v1beta1' && at.subresource === '' && method === 'GET') {
    return getMetrics(http, at, rest)
  }
  if (at.group === '' && at.version === 'v1' && at.plural === 'nodes' && at.subresource === 'proxy')
    return nodeProxy(http, at, rest)
  const review = at.version === 'v1' && at.subresource === '' ? reviews[`${at.group}/${at.plural}`] : undefined
  if (review !== undefined && method === 'POST') return await review(http, http.caller, accessRules(rest.objects))
  if (at.group === 'authentication.k8s.io' && at.plural === 'tokenreviews' && method === 'POST') {
    return await reviewToken(http, rest.serviceAccounts)
  }
  const kind = rest.objects.kinds.find(
    one => one.group === at.group && one.version === at.version && one.plural === at.plural,
  )
  if (kind === undefined) throw unknownResource()
  if (kind.isNamespaced && at.namespace === '' && (at.name !== '' || !['GET', 'HEAD'].includes(method)))
    throw unknownResource()
  if (!kind.isNamespaced && at.namespace !== '') throw unknownResource()
  return await serveKind({ http, kind, at }, rest)
}

const unknownResource = (): Fault => new Fault('NotFound', 'the server could not find the requested resource')

const notOffered = (): Fault => new Fault('NotFound', 'this hub does not offer ephemeralcontainers for pods')

/** k8s: exec and its like are not answered, but upgraded. */
const upgradeRequired = (): HttpResponse => {
  throw new Fault('BadRequest', 'Upgrade request required')
}

const serveKind = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { http, kind, at } = request
  const served = at.subresource === '' ? whole : subresources[at.subresource]
  const hasIt = at.subresource === '' || kind.subresources.some(one => one === at.subresource)
  if (at.subresource === 'ephemeralcontainers' && kind.kind === 'Pod') throw notOffered()
  if (at.subresource === 'proxy' && hasIt && at.name !== '') return await proxyHttp(request, rest)
  if (served === undefined || !hasIt) throw unknownResource()
  const verb = verbOf(http.method, at.name !== '', http.query)
  const act = verb === 'create' && at.subresource === '' && at.name !== '' ? undefined : served[verb]
  if (act === undefined || (at.subresource === '' && !kind.verbs.some(one => one === verb))) {
    throw new Fault(
      'MethodNotAllowed',
      `the server does not allow this method on the requested resource: ${http.method}`,
    )
  }
  if (at.subresource !== '' && rest.objects.get(kind.kind, at) === undefined) throw notFound(kind, at.name)
  return await act(request, rest)
}

type Act = (request: ResourceRequest, rest: Rest) => HttpResponse | Promise<HttpResponse>
type Served = { readonly [verb: string]: Act }

const whole: Served = {
  get: getObject,
  list: listOrWatch,
  watch: listOrWatch,
  create: createObject,
  update: updateObject,
  patch: patchObject,
  delete: deleteObject,
  deletecollection: deleteCollection,
}

const subresources: { readonly [name: string]: Served } = {
  status: { get: getObject, update: updateObject, patch: patchObject },
  finalize: { update: updateObject },
  scale: { get: getScale, update: putScale, patch: patchScale },
  log: { get: podLog },
  eviction: { create: evictPod },
  binding: { create: bindPod },
  token: { create: requestToken },
  exec: { get: upgradeRequired, create: upgradeRequired },
  attach: { get: upgradeRequired, create: upgradeRequired },
  portforward: { get: upgradeRequired, create: upgradeRequired },
}
