import type { LogLine } from '../../core/pods/runtime.ts'

/**
 * One line of conmon's k8s-file format (CRI): `TIME stdout|stderr F|P TEXT`. F closes a line of the container's,
 * P is a part of one that goes on. Undefined for what is not such a line.
 *
 * @example parseLogLine(Buffer.from('2026-11-24T13:31:58.141042854+00:00 stdout F hi'))
 */
export const parseLogLine = (line: Buffer): LogLine | undefined => {
  const first = line.indexOf(0x20)
  const second = line.indexOf(0x20, first + 1)
  const third = line.indexOf(0x20, second + 1)
  if (first < 0 || second < 0 || third < 0) return undefined
  const time = utcNanos(line.toString('latin1', 0, first))
  const stream = line.toString('latin1', first + 1, second)
  const tag = line.toString('latin1', second + 1, third)
  if (time === undefined || (stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P'))
    return undefined
  const text = line.subarray(third + 1)
  return { time, stream, text: tag === 'F' ? Buffer.concat([text, newline]) : Buffer.from(text) }
}

const newline = Buffer.from('\n')

/**
 * RFC 3339 in UTC with nine digits, so that times compare as text; undefined for what is no time.
 *
 * @example utcNanos('2026-11-24T14:31:58.5+01:00') // '2026-11-24T13:31:58.500000000Z'
 */
export const utcNanos = (time: string): string | undefined => {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/i.exec(time)
  if (parts === null) return undefined
  const seconds = Date.parse(`${parts[1]}${parts[3]}`)
  if (Number.isNaN(seconds)) return undefined
  return `${new Date(seconds).toISOString().slice(0, 19)}.${(parts[2] ?? '').padEnd(9, '0')}Z`
}
