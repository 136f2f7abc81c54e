import { Fault } from '../../api/fault.ts'
import type { AccessRequest } from '../../core/access/access-rules.ts'
import type { HttpRequest } from './door.ts'
import { queryFlag } from './query.ts'
import type { ResourcePath, Route } from './route.ts'

/** What a request wants to do, as RBAC asks for it (k8s: endpoints/request RequestInfo). */
export const accessOf = (http: Pick<HttpRequest, 'method' | 'path' | 'query'>, route: Route): AccessRequest =>
  route.route === 'resource' ? resourceAccess(http, route.at) : { verb: otherVerb(http.method), path: http.path }

const otherVerb = (method: string): string => ({ GET: 'get', HEAD: 'get' })[method] ?? method.toLowerCase()

const resourceAccess = ({ method, query }: Pick<HttpRequest, 'method' | 'query'>, at: ResourcePath): AccessRequest => {
  const { group, plural, subresource, name } = at
  // k8s: a Namespace is in itself, so that a RoleBinding in it can give rights to it.
  const namespace = group === '' && plural === 'namespaces' ? name : at.namespace
  // What a proxied request asks of its server is between the two.
  const verb = connects(at)
    ? 'create'
    : verbOf(method, name !== '', subresource === 'proxy' ? new URLSearchParams() : query)
  // k8s: a list or watch of one name is about that name, so that rights on names hold for it.
  const selected = name === '' && verb !== 'create' ? nameSelected(query) : name
  return { verb, group, resource: plural, subresource, name: selected, namespace }
}

/**
 * k8s: AuthorizePodWebsocketUpgradeCreatePermission. A WebSocket is opened by GET, but who runs a command or connects
 * does not read: the right is `create`, whatever opens it.
 */
const connects = ({ group, plural, subresource }: ResourcePath): boolean =>
  group === '' && plural === 'pods' && ['exec', 'attach', 'portforward'].includes(subresource)

const nameSelected = (query: URLSearchParams): string =>
  /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? ''

/** @throws Fault MethodNotAllowed */
export const verbOf = (method: string, isNamed: boolean, query: URLSearchParams): string => {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return queryFlag(query, 'watch') ? 'watch' : isNamed ? 'get' : 'list'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return isNamed ? 'delete' : 'deletecollection'
    default:
      throw new Fault('MethodNotAllowed', `the method ${method.slice(0, 20)} is not known here`)
  }
}
