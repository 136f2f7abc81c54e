import { Fault } from '../api/fault.ts'

/**
 * Milliseconds of a time such as `90s`, `5m`, `1h30m`, `0` or a bare number of seconds.
 *
 * @throws Fault BadRequest that names the option
 */
export const timeMs = (text: string, option: string): number => {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(part => part[0]).join('') !== text) {
    throw new Fault('BadRequest', `--${option}=${text} is not a time; expected e.g. 30s, 5m or 1h`)
  }
  const unit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unit[part[2] ?? 's'] ?? 1000), 0)
}

/** Resolves after `ms`, or when `signal` aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
