import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../../api/fault.ts'
import { prefix, refusal } from '../client.ts'

/** Calls to the engine that last: each has a connection of its own, bounded by whoever asks for them. */
export interface EngineStreams {
  /** The raw connection of an exec or attach: half-closing it ends the process's input. @throws Fault Runtime | Unavailable */
  upgrade(call: StreamCall & { readonly body?: unknown }): Promise<{ readonly socket: Duplex; readonly head: Buffer }>
  /** The status of an answer without a body. @throws Fault Unavailable */
  head(call: StreamCall): Promise<number>
  /** A large answer, at the reader's pace. @throws Fault Runtime | Unavailable */
  download(call: StreamCall): Promise<IncomingMessage>
  /** A large body. Resolves when the engine has taken it in. @throws Fault Runtime | Unavailable, or what the body throws */
  upload(call: StreamCall, body: AsyncIterable<Uint8Array>): Promise<void>
}

export interface StreamCall {
  /** Below the prefix. */
  readonly path: string
  readonly query?: { readonly [name: string]: string }
  readonly signal: AbortSignal
  /** What it is for, in words, for the error. */
  readonly doing: string
}

/** How long the engine may take to begin its answer. */
const answerMs = 30_000
/** Of the text of a refusal. */
const mostRefusalBytes = 16 * 1024

export const engineStreams = (of: {
  readonly socket: string
  readonly ensureService: () => Promise<void>
}): EngineStreams => {
  const begin = (call: StreamCall, more: RequestOptions) => {
    const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query)}`
    const sent = request({
      socketPath: of.socket,
      agent: false,
      path: `${prefix}${call.path}${query}`,
      signal: call.signal,
      ...more,
    })
    sent.setTimeout(answerMs, () => sent.destroy(new Error(`the engine did not answer in ${answerMs} ms`)))
    return sent
  }
  const broken = (call: StreamCall, error: unknown): Fault =>
    new Fault('Unavailable', `${call.doing}: the connection to the engine broke`, { broken: true }, error)

  return {
    async upgrade(call) {
      await of.ensureService()
      return await new Promise((resolve, reject) => {
        const body = call.body === undefined ? '' : JSON.stringify(call.body)
        const sent = begin(call, {
          method: 'POST',
          headers: {
            connection: 'Upgrade',
            upgrade: 'tcp',
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        })
        sent.on('error', error => reject(call.signal.aborted ? error : broken(call, error)))
        sent.on('upgrade', (_answer, socket, head) => {
          socket.setTimeout(0)
          resolve({ socket, head })
        })
        sent.on('response', answer => {
          refusalOf(call, answer).then(reject, reject)
        })
        sent.end(body)
      })
    },
    async head(call) {
      await of.ensureService()
      return await new Promise((resolve, reject) => {
        const sent = begin(call, { method: 'HEAD' })
        sent.on('error', error => reject(call.signal.aborted ? error : broken(call, error)))
        sent.on('response', answer => resolve(answer.resume().statusCode ?? 500))
        sent.end()
      })
    },
    async download(call) {
      await of.ensureService()
      return await new Promise((resolve, reject) => {
        const sent = begin(call, { method: 'GET' })
        sent.on('error', error => reject(call.signal.aborted ? error : broken(call, error)))
        sent.on('response', answer => {
          sent.setTimeout(0)
          if ((answer.statusCode ?? 500) < 400) resolve(answer)
          else refusalOf(call, answer).then(reject, reject)
        })
        sent.end()
      })
    },
    async upload(call, body) {
      await of.ensureService()
      const sent = begin(call, { method: 'PUT', headers: { 'content-type': 'application/x-tar' } })
      // As long as the sender takes; its end is the signal's business.
      sent.setTimeout(0)
      const answered = new Promise<void>((resolve, reject) => {
        sent.on('error', reject)
        sent.on('response', answer => {
          if ((answer.statusCode ?? 500) >= 400) refusalOf(call, answer).then(reject, reject)
          else answer.resume().on('end', resolve).on('error', reject)
        })
      })
      answered.catch(() => undefined)
      let ofBody: { readonly error: unknown } | undefined
      const source = body[Symbol.asyncIterator]()
      // By hand: what is thrown into a generator, when the connection breaks, looks like its own failure.
      const watched: AsyncIterableIterator<Uint8Array> = {
        [Symbol.asyncIterator]: () => watched,
        async next() {
          try {
            return await source.next()
          } catch (error) {
            ofBody = { error }
            throw error
          }
        },
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      }
      try {
        await pipeline(Readable.from(watched, { objectMode: false }), sent)
      } catch (error) {
        // What is to be sent refused itself: the engine has nothing to do with it.
        if (ofBody !== undefined) throw ofBody.error
        // An engine that refuses may do so before it has read all: its word says more than a broken pipe.
        const refused = await Promise.race([answered.then(() => undefined, identity), soon()])
        if (refused instanceof Fault) throw refused
        throw error instanceof Fault || call.signal.aborted ? error : broken(call, error)
      }
      await answered
    },
  }
}

const identity = (error: unknown): unknown => error

const soon = (): Promise<undefined> => new Promise(resolve => setTimeout(() => resolve(undefined), 200))

const refusalOf = async (call: StreamCall, answer: IncomingMessage): Promise<Fault> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= mostRefusalBytes) chunks.push(chunk)
  }
  return refusal(call, { status: answer.statusCode ?? 500, text: Buffer.concat(chunks).toString() })
}
