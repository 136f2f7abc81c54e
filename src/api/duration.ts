import { Fault } from './fault.ts'

const msPer: { readonly [unit: string]: number } = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/**
 * Reads a Go duration (`1h2m3.5s`, `0`, `-1.5h`) into milliseconds.
 * @throws Fault Malformed
 * @example parseDuration('1m30s') // 90_000
 */
export const parseDuration = (text: string): number => {
  const sign = text.startsWith('-') ? -1 : 1
  const rest = text.replace(/^[+-]/, '')
  if (rest === '0') return 0
  if (text.length > 64 || !/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) {
    throw new Fault(
      'Malformed',
      `${JSON.stringify(text.slice(0, 64))} is not a duration: expected e.g. 90s, 5m or 1h30m`,
    )
  }
  let total = 0
  for (const [, number = '', unit = ''] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * (msPer[unit] ?? 0)
  }
  return sign * total
}

/**
 * An age for people, as kubectl prints it (k8s: duration.HumanDuration): `45s`, `5m30s`, `2d`, `3y12d`.
 * @param ms may be negative by up to two seconds, which is `0s`; more is `<invalid>`
 */
export const humanDuration = (ms: number): string => {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  if (hours < 24 * 365 * 8) return pair(Math.floor(days / 365), 'y', days % 365, 'd')
  return `${Math.floor(days / 365)}y`
}

const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`

/** The age of a timestamp at `now` (ms): `<unknown>` where there is none. */
export const ageOf = (timestamp: string | undefined, now: number): string => {
  const at = timestamp === undefined ? Number.NaN : Date.parse(timestamp)
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at)
}
