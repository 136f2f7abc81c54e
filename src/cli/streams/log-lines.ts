import { timeMs } from '../wait.ts'

/** Bytes of one line; a longer one is given out in pieces, each as a line. */
const mostLineBytes = 256 * 1024

/**
 * Cuts chunks into lines with their line feeds, each behind `prefix`; so the outputs of several containers may be mixed.
 * A last line without its line feed gets one.
 *
 * @example for await (const line of linesOf(chunks, '[pod/web/app] ')) write(line)
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, prefix: string): AsyncGenerator<Uint8Array> {
  const before = Buffer.from(prefix)
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, from)) {
      yield Buffer.concat([before, rest.subarray(from, end + 1)])
      from = end + 1
    }
    rest = rest.subarray(from)
    if (rest.length > mostLineBytes) {
      yield Buffer.concat([before, rest, Buffer.from('\n')])
      rest = Buffer.alloc(0)
    }
  }
  if (rest.length > 0) yield Buffer.concat([before, rest, Buffer.from('\n')])
}

/** What of a log is wanted, as its path's query has it. */
export interface LogQuery {
  readonly [name: string]: string | number | boolean | undefined
}

/**
 * The options of a log as the API has them.
 *
 * @throws Fault BadRequest for a time that is none
 */
export const logQuery = (of: {
  text(option: string): string | undefined
  isSet(option: string): boolean
}): LogQuery => {
  const since = of.text('since')
  const tail = of.text('tail')
  return {
    follow: of.isSet('follow') ? true : undefined,
    previous: of.isSet('previous') ? true : undefined,
    timestamps: of.isSet('timestamps') ? true : undefined,
    // k8s: -1 is all of it.
    tailLines: tail === '-1' ? undefined : tail,
    limitBytes: of.text('limit-bytes'),
    sinceTime: of.text('since-time'),
    sinceSeconds: since === undefined ? undefined : Math.ceil(timeMs(since, 'since') / 1000),
  }
}
