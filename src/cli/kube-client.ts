import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { Fault, type FaultCause, type FaultReason, faults } from '../api/fault.ts'
import type { KubeContext } from './kubeconfig.ts'

/** The Kubernetes API of one hub, as one user. JSON in, JSON out; every failure is a Fault. */
export interface KubeClient {
  readonly server: string
  readonly namespace: string
  /** How it is reached, for connections that are no requests. */
  readonly context: KubeContext
  /** @throws Fault as the Status of the answer says; Unavailable when the hub cannot be reached */
  request(method: string, path: string, options?: RequestOptions): Promise<unknown>
  /** The answer as a stream, its status checked. */
  open(method: string, path: string, options?: RequestOptions): Promise<IncomingMessage>
  /** Events of a watch, one JSON value each. */
  watch(path: string, options?: RequestOptions): AsyncIterable<unknown>
  close(): void
}

export interface RequestOptions {
  readonly query?: { readonly [name: string]: string | number | boolean | undefined }
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
  readonly signal?: AbortSignal
  /** Told each Warning header's text. */
  readonly onWarning?: (text: string) => void
}

/** An answer longer than this is refused rather than kept in memory. */
const mostBytes = 64 * 1024 * 1024

export const kubeClient = (context: KubeContext): KubeClient => {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 8,
    ...(context.ca === undefined ? {} : { ca: context.ca }),
    ...(context.cert === undefined ? {} : { cert: context.cert }),
    ...(context.key === undefined ? {} : { key: context.key }),
  })

  const send = (method: string, path: string, options: RequestOptions): Promise<IncomingMessage> => {
    const url = new URL(context.server.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const body =
      options.body === undefined
        ? undefined
        : Buffer.isBuffer(options.body)
          ? options.body
          : Buffer.from(JSON.stringify(options.body))
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        url,
        {
          method,
          agent,
          ...(options.signal === undefined ? {} : { signal: options.signal }),
          headers: {
            accept: options.accept ?? 'application/json',
            'user-agent': 'dunlin',
            ...(context.token === undefined ? {} : { authorization: `Bearer ${context.token}` }),
            ...(body === undefined
              ? {}
              : { 'content-type': options.contentType ?? 'application/json', 'content-length': body.length }),
          },
        },
        answer => {
          for (const warning of warningsOf(answer)) options.onWarning?.(warning)
          resolve(answer)
        },
      )
      outgoing.on('error', error => reject(unreachable(context.server, error)))
      outgoing.end(body)
    })
  }

  const open = async (method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> => {
    const answer = await send(method, path, options)
    if ((answer.statusCode ?? 500) < 400) return answer
    throw faultOf(answer.statusCode ?? 500, await readAll(answer))
  }

  return {
    server: context.server,
    namespace: context.namespace,
    context,
    open,
    async request(method, path, options = {}) {
      const bytes = await readAll(await open(method, path, options))
      return bytes.length === 0 ? undefined : parseJson(bytes)
    },
    async *watch(path, options = {}) {
      const answer = await open('GET', path, { ...options, query: { ...options.query, watch: true } })
      let rest = ''
      answer.setEncoding('utf8')
      for await (const chunk of answer) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > mostBytes)
          throw new Fault('Malformed', `an event of the watch is longer than ${mostBytes} bytes`)
        for (const line of lines) if (line !== '') yield parseJson(Buffer.from(line))
      }
    },
    close: () => agent.destroy(),
  }
}

const warningsOf = (answer: IncomingMessage): readonly string[] => {
  const header = answer.headers['warning']
  if (header === undefined) return []
  return [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(match => (match[1] ?? '').replaceAll(/\\(.)/g, '$1'))
}

const readAll = async (answer: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer) {
    const bytes = chunk instanceof Buffer ? chunk : Buffer.from(String(chunk))
    length += bytes.length
    if (length > mostBytes) throw new Fault('Malformed', `the hub's answer is longer than ${mostBytes} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new Fault('Malformed', `the hub's answer is not JSON: ${bytes.subarray(0, 80).toString('utf8')}`, {}, error)
  }
}

/** What is said when the hub is not there. */
export const unreachable = (server: string, error: Error): Error => {
  if (error.name === 'AbortError') return error
  return new Fault(
    'Unavailable',
    `cannot reach the hub at ${server}: ${error.message}. Is it running, and is the address in the kubeconfig right?`,
    { server },
    error,
  )
}

/** The Fault that a failed answer stands for: its Status object where it has one. */
export const faultOf = (status: number, body: Buffer): Fault => {
  let answer: unknown
  try {
    answer = JSON.parse(body.toString('utf8'))
  } catch {
    answer = undefined
  }
  const object = typeof answer === 'object' && answer !== null ? answer : {}
  const message =
    'message' in object && typeof object.message === 'string'
      ? object.message
      : `the hub answered ${status}: ${body.subarray(0, 200).toString('utf8')}`
  const named = 'reason' in object && typeof object.reason === 'string' ? object.reason : ''
  const reasons = Object.keys(faults) as FaultReason[]
  const reason =
    reasons.find(one => faults[one].statusReason === named) ??
    reasons.find(one => faults[one].status === status) ??
    'Internal'
  return new Fault(reason, message, { causes: causesOf(object) })
}

const causesOf = (status: object): readonly FaultCause[] => {
  const details = 'details' in status ? status.details : undefined
  const causes = typeof details === 'object' && details !== null && 'causes' in details ? details.causes : undefined
  if (!Array.isArray(causes)) return []
  return causes.flatMap((cause: unknown) => {
    if (typeof cause !== 'object' || cause === null) return []
    const read = (name: string): string => {
      const value: unknown = Reflect.get(cause, name)
      return typeof value === 'string' ? value : ''
    }
    return [{ reason: read('reason'), message: read('message'), field: read('field') }]
  })
}
