import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { connect } from 'node:tls'
import { describeError, Fault, isFault } from '../../api/fault.ts'
import type { ResourceRequest, Rest } from '../rest/api-request.ts'
import type { HttpResponse } from '../rest/door.ts'
import { podStreams } from './bound-pod.ts'
import { byteDuplex } from './byte-duplex.ts'
import { type ProxyTarget, proxyTarget } from './proxy-target.ts'

/** Between two hops only (RFC 9110, 7.6.1), and what was meant for the hub alone. */
const own = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|authorization|impersonate-.*|host)$/

/**
 * pods/proxy and services/proxy: the request goes to the pod as it is, and its answer comes back. The body is streamed
 * both ways; a redirect to a path stays below the proxy.
 */
export const proxyHttp = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { http, at } = request
  const streams = podStreams(rest)
  const target = proxyTarget(request, rest)
  const search = http.query.size === 0 ? '' : `?${http.query}`
  // k8s: so that relative links of the page are below the proxy.
  if (at.below === '' && ['GET', 'HEAD'].includes(http.method))
    return { status: 301, headers: { location: `${http.path}/${search}` } }
  const stream = await streams.forward(target.pod, target.port, http.signal)
  const plain = byteDuplex(stream)
  // k8s: a pod's own certificate is nobody's; what is between the hub and the pod is sealed already.
  const socket = target.isTls ? connect({ socket: plain, rejectUnauthorized: false }) : plain
  const answer = await answerOf(request, target, `${at.below || '/'}${search}`, () => socket)
  const prefix = http.path.slice(0, http.path.length - at.below.length)
  return { status: answer.statusCode ?? 502, headers: answerHeaders(answer.headers, prefix), body: answer }
}

const answerOf = async (
  { http }: ResourceRequest,
  { pod, port }: ProxyTarget,
  path: string,
  createConnection: () => ReturnType<typeof byteDuplex>,
): Promise<IncomingMessage> => {
  const headers = {
    ...withoutOwn(http.headers),
    host: `${pod.status?.podIP ?? pod.metadata.name}:${port}`,
    connection: 'close',
    'x-forwarded-uri': http.path,
    'x-forwarded-proto': 'https',
    ...(http.headers.host === undefined ? {} : { 'x-forwarded-host': http.headers.host }),
  }
  const sent = httpRequest({ method: http.method, path, headers, createConnection, signal: http.signal })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', reject)
  })
  const sending = pipeline(http.incoming, sent)
  // A pod may answer before it has read all: then only its answer counts.
  sending.catch(() => undefined)
  try {
    return await answered
  } catch (error) {
    if (isFault(error)) throw error
    throw new Fault('Unavailable', `error trying to reach service: ${describeError(error)}`, {}, error)
  }
}

/** A client's headers without those that end here. */
export const withoutOwn = (headers: IncomingHttpHeaders): { readonly [name: string]: string | string[] } =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined || own.test(name) ? [] : [[name, value]])),
  )

const answerHeaders = (
  headers: IncomingHttpHeaders,
  prefix: string,
): { readonly [name: string]: string | string[] } => {
  const { location, ...others } = withoutOwn(headers)
  if (typeof location !== 'string') return others
  return { ...others, location: /^\/(?!\/)/.test(location) ? `${prefix}${location}` : location }
}
