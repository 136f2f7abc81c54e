import { Fault } from '../../api/fault.ts'

/** What a path of the API names. */
export type Route =
  | { readonly route: 'resource'; readonly at: ResourcePath }
  | { readonly route: 'other'; readonly segments: readonly string[] }

export interface ResourcePath {
  readonly group: string
  readonly version: string
  readonly plural: string
  /** `''`: all namespaces, or a kind without one. */
  readonly namespace: string
  /** `''`: the collection. */
  readonly name: string
  readonly subresource: string
  /** What is below a `proxy`, still percent-encoded, from its slash on; `''` elsewhere. */
  readonly below: string
}

/**
 * Reads a path of the Kubernetes API, still percent-encoded. Everything that is no resource is `other`.
 *
 * @throws Fault BadRequest when the encoding is broken
 * @example parsePath('/apis/apps/v1/namespaces/shop/deployments/web/scale')
 */
export const parsePath = (path: string): Route => {
  const proxied = proxyPath.exec(path)
  if (proxied !== null) return { route: 'resource', at: proxyAt(proxied.slice(1)) }
  const segments = path.split('/').slice(1).map(decode)
  const other: Route = { route: 'other', segments }
  const [root, ...rest] = segments.at(-1) === '' ? segments.slice(0, -1) : segments
  const [group, version, ...below] = root === 'api' ? ['', ...rest] : rest
  if ((root !== 'api' && root !== 'apis') || group === undefined || version === undefined) return other
  if (below.length === 0 || below.some(one => one === '')) return other
  const named = inNamespace(below)
  if (named === undefined) return other
  return { route: 'resource', at: { group, version, ...named, below: '' } }
}

/** Below a proxy a path is somebody else's, empty segments and all. */
const proxyPath = /^\/api\/v1\/(?:namespaces\/([^/]+)\/([^/]+)|(nodes))\/([^/]+)\/proxy(\/.*)?$/

const proxyAt = ([namespace = '', inside = '', nodes, name = '', below = '']: readonly string[]): ResourcePath => ({
  group: '',
  version: 'v1',
  namespace: decode(namespace),
  plural: nodes ?? decode(inside),
  name: decode(name),
  subresource: 'proxy',
  below,
})

/** k8s: `namespaces/N/status` is the namespace's own, `namespaces/N/pods` is in it. */
const inNamespace = (below: readonly string[]): Omit<ResourcePath, 'group' | 'version' | 'below'> | undefined => {
  const [first = '', second = '', third = '', ...more] = below
  if (first === 'namespaces' && below.length > 2 && !['status', 'finalize'].includes(third)) {
    const [name = '', subresource = '', ...rest] = more
    return rest.length > 0 ? undefined : { namespace: second, plural: third, name, subresource }
  }
  return below.length > 3 ? undefined : { namespace: '', plural: first, name: second, subresource: third }
}

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    throw new Fault('BadRequest', `the path has a broken percent-encoding: ${segment.slice(0, 80)}`, {}, error)
  }
}
