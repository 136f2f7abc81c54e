import type { RunningProcess } from '../../core/pods/running-process.ts'
import type { Parse } from '../../wire/parse.ts'
import type { StreamResult, StreamType } from '../../wire/side-channel/requests.ts'
import type { ServedStream } from '../../wire/side-channel/streams.ts'

/** What the streams of one session share. */
export interface SessionScope {
  /** Standard errors that streams of this session offer, by the number of the process's stream. */
  readonly errors: {
    /** Said at once, before the process is started: `take` may come first. `stopped` rejects when it never starts. */
    offer(stream: number, process: Promise<Pick<RunningProcess, 'stderr'>>): Offered
    /** @throws Fault NotFound where that stream offers none */
    take(stream: number): Promise<Pick<RunningProcess, 'stderr'>>
    /** The one who took it has passed it all on, or gave up. */
    passed(stream: number): void
  }
}

export interface Offered {
  /** Resolves when all of it was passed on. */
  readonly passed: Promise<void>
  close(): void
}

/** Serves one stream whose request is unchecked yet. What it resolves with is the stream's result; nothing: exit code 0. */
export type StreamService = (
  request: unknown,
  stream: ServedStream,
  scope: SessionScope,
) => Promise<StreamResult | undefined>

/** What an agent serves, by the type of a stream. */
export type StreamServices = { readonly [Type in StreamType]?: StreamService }

/**
 * A service from how its request is read and what is then done. `serve` runs at once, up to its first `await`.
 *
 * @example export const journal = (of) => streamService('journal', parseJournalRequest, async (request, stream) => …)
 */
export const streamService =
  <Request>(
    type: StreamType,
    parse: Parse<Request>,
    serve: (request: Request, stream: ServedStream, scope: SessionScope) => Promise<StreamResult | undefined>,
  ): StreamService =>
  async (request, stream, scope) =>
    await serve(parse(request, type), stream, scope)
