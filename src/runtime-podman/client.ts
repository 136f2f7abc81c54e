import { createReadStream } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { Fault, isFault } from '../api/fault.ts'
import { objectOf } from './parse.ts'

/*
 *   call ──> agent (unix socket, closed after 1 s of idleness) ──> podman system service
 *     │ ECONNREFUSED, ECONNRESET, ENOENT: the service has left or died
 *     └──> start it, then throw `broken`: whoever made the step looks at the world again
 */

/** The one prefix that 4.3 to 5.x answer alike. */
export const prefix = '/v4.0.0/libpod'

/** Bytes of an answer; more is nonsense. */
const mostBytes = 16 * 1024 * 1024

export interface EngineCall {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Below the prefix, e.g. `/containers/json`. */
  readonly path: string
  readonly query?: { readonly [name: string]: string }
  readonly headers?: { readonly [name: string]: string }
  readonly body?: unknown
  /** A file of this machine that is the body. */
  readonly bodyFile?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** What it is for, in words, for the error: `start container web`. */
  readonly doing: string
}

export interface EngineAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export interface EngineClient {
  /**
   * The answer's text, whatever a good status. A broken connection starts the service and is tried again
   * when nothing was sent, or when the call only looks (GET).
   *
   * @throws Fault Runtime with the engine's `cause`; Unavailable (`about.broken`) when the connection broke
   * mid-call, which says nothing about whether the call happened
   */
  call(call: EngineCall): Promise<EngineAnswer>
  /** The same, its JSON parsed (undefined for an empty answer). */
  json(call: EngineCall): Promise<unknown>
  close(): void
}

export const engineClient = (of: {
  readonly socket: string
  /** Resolves when the service listens. */
  readonly ensureService: () => Promise<void>
}): EngineClient => {
  // 16 connections; further calls wait their turn in the agent.
  const agent = new Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 4, timeout: 1000 })

  const once = (call: EngineCall): Promise<EngineAnswer> =>
    new Promise((resolve, reject) => {
      const deadline = AbortSignal.timeout(call.timeoutMs ?? 15_000)
      const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query)}`
      const sent = request({
        socketPath: of.socket,
        agent,
        method: call.method ?? 'GET',
        path: `${prefix}${call.path}${query}`,
        headers: {
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(call.bodyFile === undefined ? {} : { 'content-type': 'application/x-tar' }),
          ...call.headers,
        },
        signal: call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]),
      })
      const fail = (error: Error): void => {
        if (isFault(error)) reject(error)
        else if (deadline.aborted)
          reject(
            new Fault(
              'Timeout',
              `${call.doing}: the engine did not answer in ${call.timeoutMs ?? 15_000} ms`,
              {},
              error,
            ),
          )
        else if (call.signal?.aborted) reject(error)
        else
          reject(new Fault('Unavailable', `${call.doing}: the connection to the engine broke`, { broken: true }, error))
      }
      sent.on('error', fail)
      sent.on('response', response => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > mostBytes)
            response.destroy(
              new Fault('Malformed', `${call.doing}: the engine's answer is larger than ${mostBytes} bytes`, { bytes }),
            )
          else chunks.push(chunk)
        })
        response.on('error', fail)
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          })
        })
      })
      if (call.bodyFile !== undefined) {
        const file = createReadStream(call.bodyFile)
        file.on('error', error => {
          reject(new Fault('Machine', `${call.doing}: ${call.bodyFile} cannot be read`, { path: call.bodyFile }, error))
          sent.destroy()
        })
        file.pipe(sent)
      } else sent.end(call.body === undefined ? undefined : JSON.stringify(call.body))
    })

  const call = async (wanted: EngineCall): Promise<EngineAnswer> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await of.ensureService()
        const answer = await once(wanted)
        if (answer.status >= 400) throw refusal(wanted, answer)
        return answer
      } catch (error) {
        const mayRepeat = (wanted.method ?? 'GET') === 'GET' || wasNotSent(error)
        if (!isBroken(error) || !mayRepeat || attempt >= 2) throw error
      }
    }
  }

  return {
    call,
    async json(wanted) {
      const answer = await call(wanted)
      return answer.text.trim() === '' ? undefined : parseJson(answer.text, wanted.doing)
    },
    close: () => agent.destroy(),
  }
}

/** Whether the connection broke, so that nobody knows whether the call happened. */
export const isBroken = (error: unknown): error is Fault =>
  isFault(error, 'Unavailable') && error.about['broken'] === true

const wasNotSent = (error: unknown): boolean => {
  const code = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  return code === 'ECONNREFUSED' || code === 'ENOENT'
}

/** The engine's root cause in lower case, or '' where the error is not the engine's word. */
export const causeOf = (error: unknown): string =>
  isFault(error, 'Runtime') && typeof error.about['cause'] === 'string' ? error.about['cause'].toLowerCase() : ''

export const parseJson = (text: string, doing: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Fault(
      'Malformed',
      `${doing}: the engine answered nonsense (${JSON.stringify(text.slice(0, 80))}), expected JSON. Is Podman what listens on its socket?`,
      {},
      error,
    )
  }
}

/** podman: `{"cause":"<root error>","message":"<chain>","response":<status>}`; the status says little. */
export const refusal = (call: Pick<EngineCall, 'doing'>, answer: Pick<EngineAnswer, 'status' | 'text'>): Fault => {
  const body = objectOf(parseJson(answer.text, call.doing), `the error of "${call.doing}"`)
  const cause = typeof body['cause'] === 'string' ? body['cause'].slice(0, 2000) : ''
  const message = typeof body['message'] === 'string' ? body['message'].slice(0, 2000) : cause
  return new Fault('Runtime', `${call.doing}: ${message}`, { cause, engineStatus: answer.status })
}
