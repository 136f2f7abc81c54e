import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type DiscoveryVersion,
  discoveryContentType,
} from '../../api/discovery.ts'
import { Fault } from '../../api/fault.ts'
import { hashOf, openapiDocument, openapiIndex } from '../../api/openapi.ts'
import { parseAccept } from './accept.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import { staticDocument } from './static-documents.ts'

/** `/api`, `/apis` and what is below them but no object; undefined where there is nothing. */
export const discovery = (
  http: HttpRequest,
  root: 'api' | 'apis',
  below: readonly string[],
): HttpResponse | undefined => {
  if (below.length === 0) {
    const version = aggregatedVersion(http.headers.accept)
    if (version === undefined) return staticDocument(http, root, root === 'api' ? apiVersions : apiGroupList)
    const headers = { 'content-type': discoveryContentType(version) }
    return staticDocument(http, `${root} ${version}`, () => aggregatedDiscovery(root, version), headers)
  }
  const [group = '', version] = root === 'api' ? ['', ...below] : below
  if (below.length > (root === 'api' ? 1 : 2)) return undefined
  const document = version === undefined ? apiGroup(group) : apiResourceList(group, version)
  return document && staticDocument(http, `${root}/${below.join('/')}`, () => document)
}

/** Which aggregated form the client wants most; undefined: the classic one. */
const aggregatedVersion = (accept: string | undefined): DiscoveryVersion | undefined => {
  for (const { type, parameters } of parseAccept(accept)) {
    const isAggregated = parameters['as'] === 'APIGroupDiscoveryList' && parameters['g'] === 'apidiscovery.k8s.io'
    if (!['application/json', '*/*'].includes(type)) continue
    if (!isAggregated) return undefined
    if (parameters['v'] === 'v2' || parameters['v'] === 'v2beta1') return parameters['v']
  }
  return undefined
}

/** `/openapi/v3` and its documents. Those with a hash in their URL never change: clients keep them. */
export const openapi = (http: HttpRequest, below: readonly string[]): HttpResponse | undefined => {
  if (below.length === 0) return staticDocument(http, 'openapi', openapiIndex)
  const name = below.join('/')
  const document = openapiDocument(name)
  if (document === undefined) throw new Fault('NotFound', 'the server could not find the requested resource')
  const isPinned = http.query.get('hash') === hashOf(name)
  const headers: { readonly [name: string]: string } = isPinned
    ? { 'cache-control': 'public, immutable, max-age=31536000', expires: 'Fri, 31 Dec 9999 23:59:59 GMT' }
    : {}
  return staticDocument(http, `openapi/${name}`, () => document, headers)
}

const v2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/**
 * `/openapi/v2`, with nothing in it: kubectl asks for it when a manifest names a kind that nobody has, and only then
 * says so. (OpenAPI v2 as gnostic's protobuf: Document { swagger = 1, info = 2 { title = 1, version = 2 } }.)
 */
export const openapiV2 = (http: HttpRequest): HttpResponse => {
  const wantsProtobuf = parseAccept(http.headers.accept).some(({ type }) =>
    /^application\/com\.github\.proto-openapi\.spec\.v2.*protobuf$/.test(type),
  )
  const info = { title: 'Kubernetes', version: 'v1.36.0' }
  if (!wantsProtobuf) return staticDocument(http, 'openapi v2', () => ({ swagger: '2.0', info, paths: {} }))
  const field = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  const told = Buffer.concat([field(1, Buffer.from(info.title)), field(2, Buffer.from(info.version))])
  const body = Buffer.concat([field(1, Buffer.from('2.0')), field(2, told)])
  return { status: 200, headers: { 'content-type': v2Protobuf }, body }
}
