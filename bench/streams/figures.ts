import type { ChildProcess } from 'node:child_process'
import { type Figures, median } from '../measure.ts'
import { pidsOf, readProcess } from '../soak/read-process.ts'

export type Row = Figures & { readonly ratio?: number }

/** A row of the table; with a baseline, the ratio of the two medians. */
export const row = (name: string, values: readonly number[], baseline?: readonly number[]): Row => ({
  name,
  values,
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  ...(baseline === undefined ? {} : { ratio: median(values) / median(baseline) }),
})

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Reads to the end, or until so many bytes have come. */
export const drained = async (source: AsyncIterable<Uint8Array>, most = Number.POSITIVE_INFINITY): Promise<number> => {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes >= most) break
  }
  return bytes
}

export const ended = (one: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) =>
    one.on('exit', code => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`)))),
  )

/** Milliseconds from a byte to its echo, again and again. */
export const echoes = async (
  write: (bytes: Uint8Array) => unknown,
  output: AsyncIterable<Uint8Array>,
  rounds: number,
): Promise<readonly number[]> => {
  const seen = output[Symbol.asyncIterator]()
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now()
    write(Buffer.from('x'))
    await seen.next()
    times.push(performance.now() - began)
    await pause(50)
  }
  return times
}

/** Bytes in `deed`'s time, as MB a second. */
export const rate = async (bytes: number, deed: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await deed()
  return bytes / 1000 / (performance.now() - began)
}

/**
 * CPU time of every process that this world has or had, ms: what has ended counts at whoever waited for it. This is the
 * world's own process namespace, so nobody else's is in it.
 */
export const worldCpuMs = (): number =>
  pidsOf(() => true).reduce((sum, pid) => {
    const one = readProcess(pid)
    return sum + (one === undefined ? 0 : one.cpuMs + one.childrenCpuMs)
  }, 0)
