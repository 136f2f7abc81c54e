import type { IncomingMessage } from 'node:http'
import type { AccessRequest } from '../../core/access/access-rules.ts'
import type { HubMeter } from '../metrics/hub-metrics.ts'
import type { HubObjects } from '../store/open-objects.ts'
import { queryFlag } from './query.ts'
import type { ResourcePath } from './route.ts'

/** verb, group, version, resource, subresource, scope. */
export type RequestLabels = readonly [string, string, string, string, string, string]

/** What is known of a request when it has been answered. */
export interface AskedOf {
  readonly access?: AccessRequest
  readonly at?: ResourcePath
}

/** k8s: endpoints/metrics. Verbs of the API as its metrics write them; anything else is one of a few, whatever was sent. */
const verbs: { readonly [verb: string]: string } = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  connect: 'CONNECT',
  post: 'POST',
  put: 'PUT',
}

const verbOf = (verb: string): string => (Object.hasOwn(verbs, verb) ? (verbs[verb] ?? 'other') : 'other')

/** Paths that are counted by their names; all others together. */
const paths: readonly string[] = ['/healthz', '/livez', '/readyz', '/metrics', '/version', '/api', '/apis', '/openapi']

/** Counts requests with labels that no client can multiply: kinds come from the table, paths from a short list. */
export const requestMetrics = (of: {
  readonly meter: HubMeter
  readonly objects: Pick<HubObjects, 'kinds'>
  readonly doors: readonly { readonly prefix: string }[]
}) => {
  const total = of.meter.counter('apiserver_request_total')
  const duration = of.meter.histogram('apiserver_request_duration_seconds')
  const longRunning = of.meter.counter('apiserver_longrunning_requests')
  const inflight = of.meter.counter('apiserver_current_inflight_requests')
  const known = new Set(of.objects.kinds.map(kind => `${kind.group}/${kind.version}/${kind.plural}`))
  for (const one of ['nodes', 'pods']) known.add(`metrics.k8s.io/v1beta1/${one}`)
  const subresources = new Set([
    '',
    'proxy',
    'exec',
    'attach',
    'portforward',
    'ephemeralcontainers',
    ...of.objects.kinds.flatMap(kind => kind.subresources),
  ])

  const labelsOf = (asked: AskedOf, method: string | undefined): RequestLabels => {
    const verb = verbOf(asked.access?.verb ?? (method ?? '').toLowerCase())
    const { at, access } = asked
    if (at === undefined) {
      const path = `/${(access?.path ?? '').split('/')[1] ?? ''}`
      const door = of.doors.find(({ prefix }) => prefix === access?.path)
      return [verb, '', '', '', door?.prefix ?? (paths.includes(path) ? path : ''), '']
    }
    if (!known.has(`${at.group}/${at.version}/${at.plural}`)) return [verb, '', '', 'unknown', '', '']
    const scope = at.name !== '' ? 'resource' : at.namespace !== '' ? 'namespace' : 'cluster'
    return [verb, at.group, at.version, at.plural, subresources.has(at.subresource) ? at.subresource : 'unknown', scope]
  }

  return {
    labelsOf,
    /** A request has begun; returns what is to be called when it is over, or has become a stream. */
    begin(request: IncomingMessage): () => void {
      const kind = isReading(request) ? 'readOnly' : 'mutating'
      inflight([kind])
      let isOver = false
      return () => {
        if (!isOver) inflight([kind], -1)
        isOver = true
      }
    },
    /** The answer is a stream that stays; returns what is to be called when it has ended. */
    stream(asked: AskedOf, request: IncomingMessage): () => void {
      const labels = labelsOf(asked, request.method)
      longRunning(labels)
      return () => longRunning(labels, -1)
    },
    answered(
      asked: AskedOf,
      request: IncomingMessage,
      status: number,
      of: { seconds: number; isStream: boolean },
    ): void {
      const labels = labelsOf(asked, request.method)
      total([...labels, String(status)])
      if (!of.isStream) duration(labels, of.seconds)
    },
  }
}

export type RequestMetrics = ReturnType<typeof requestMetrics>

export const isReading = (request: Pick<IncomingMessage, 'method'>): boolean =>
  ['GET', 'HEAD', 'OPTIONS'].includes(request.method ?? '')

/** k8s: watches, followed logs and what takes over the connection. */
export const isLongRunning = ({ access, at }: AskedOf, query: URLSearchParams): boolean =>
  access?.verb === 'watch' ||
  access?.verb === 'connect' ||
  (at?.subresource === 'log' && queryFlag(query, 'follow')) ||
  ['exec', 'attach', 'portforward'].includes(at?.subresource ?? '')
