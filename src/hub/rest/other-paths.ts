import { describeError, Fault } from '../../api/fault.ts'
import { expositionType } from '../../lib/exposition.ts'
import { json, type Rest } from './api-request.ts'
import { discovery, openapi, openapiV2 } from './discovery-paths.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import { health } from './health.ts'

/** The version of Kubernetes whose API this is. */
const kubernetes = { major: '1', minor: '36', patch: '0' } as const

/** Everything of the API that is no object: version, health, metrics, discovery, OpenAPI. */
export const otherPath = async (http: HttpRequest, segments: readonly string[], rest: Rest): Promise<HttpResponse> => {
  if (http.method !== 'GET' && http.method !== 'HEAD') {
    throw new Fault(
      'MethodNotAllowed',
      `the server does not allow this method on the requested resource: ${http.method}`,
    )
  }
  const [first = '', ...more] = segments.at(-1) === '' ? segments.slice(0, -1) : segments
  if (first === 'version' && more.length === 0) return json(version(rest.version))
  if ((first === 'healthz' || first === 'livez' || first === 'readyz') && more.length <= 1) {
    const failed = (check: string, error: unknown): void =>
      rest.log.warn('a health check failed', { check, error: describeError(error) })
    return await health({ path: first, only: more[0], http, checks: rest.checks, failed })
  }
  const found =
    first === 'metrics'
      ? await metrics(more, rest)
      : first === 'api' || first === 'apis'
        ? discovery(http, first, more)
        : first === 'openapi' && more[0] === 'v3'
          ? openapi(http, more.slice(1))
          : first === 'openapi' && more[0] === 'v2' && more.length === 1
            ? openapiV2(http)
            : undefined
  if (found !== undefined) return found
  throw new Fault('NotFound', 'the server could not find the requested resource')
}

/** `/metrics`, `/metrics/state`, `/metrics/nodes`. */
const metrics = async (more: readonly string[], { metrics }: Rest): Promise<HttpResponse | undefined> => {
  if (metrics === undefined || more.length > 1) return undefined
  const made = { '': metrics.hub, state: metrics.state, nodes: metrics.nodes } as const
  const name = more[0] ?? ''
  if (name !== '' && name !== 'state' && name !== 'nodes') return undefined
  return scrape(await made[name]())
}

/** An answer for a scraper: sent while it is made. */
export const scrape = (body: AsyncIterable<Uint8Array>): HttpResponse => ({
  status: 200,
  headers: { 'content-type': expositionType },
  body,
})

const version = (own: string) => ({
  major: kubernetes.major,
  minor: kubernetes.minor,
  gitVersion: `v${kubernetes.major}.${kubernetes.minor}.${kubernetes.patch}+dunlin-${own}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: `linux/${({ x64: 'amd64', ia32: '386' } as { readonly [arch: string]: string })[process.arch] ?? process.arch}`,
})
