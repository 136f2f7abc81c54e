import { Fault } from '../../api/fault.ts'
import type { Rest } from './api-request.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import { scrape } from './other-paths.ts'
import type { ResourcePath } from './route.ts'

/** Where scrapers of Kubernetes look on a kubelet. What the hub knows of a node is in one answer. */
const metricsPaths: readonly string[] = ['metrics', 'metrics/resource', 'metrics/cadvisor']

/**
 * `/api/v1/nodes/NAME/proxy/metrics`: what the node last reported. The node itself is not asked, so that a scrape costs
 * it nothing and shows what is known of a node that is away, too.
 *
 * @throws Fault NotFound for a node, or a path, that is not there
 */
export const nodeProxy = ({ method }: HttpRequest, { name, below }: ResourcePath, rest: Rest): HttpResponse => {
  if (rest.objects.get('Node', { namespace: '', name }) === undefined)
    throw new Fault('NotFound', `nodes "${name}" not found`, { name, kind: 'nodes' })
  const path = below.replaceAll(/^\/|\/$/g, '')
  if (rest.metrics === undefined || !metricsPaths.includes(path))
    throw new Fault('NotFound', `of a node this hub offers ${metricsPaths.join(', ')} behind proxy/, and no other path`)
  if (method !== 'GET' && method !== 'HEAD')
    throw new Fault('MethodNotAllowed', `the server does not allow this method on the requested resource: ${method}`)
  return scrape(rest.metrics.node(name))
}
