import { Fault } from '../../api/fault.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import { queryFlag } from './query.ts'

/** One thing that must be well. k8s: apiserver/pkg/server/healthz. */
export interface HealthCheck {
  /** A path segment. */
  readonly name: string
  /** `readyz` alone: what is no reason to start the process again. `/healthz` asks for all. */
  readonly isLive: boolean
  /** @throws anything when it is not well; the reason is told to the log, not to the caller */
  check(): Promise<void> | void
}

export type HealthPath = 'healthz' | 'livez' | 'readyz'

/** A check that takes longer is not well. */
const mostMs = 5000

const answer = (status: number, body: string): HttpResponse => ({
  status,
  headers: {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
  },
  body,
})

/**
 * `/healthz`, `/livez`, `/readyz`, with `?verbose` and `?exclude=NAME`, and one check alone by its name below them.
 *
 * @throws Fault NotFound for a check that there is not
 */
export const health = async (of: {
  readonly path: HealthPath
  /** The segment below, or undefined. */
  readonly only: string | undefined
  readonly http: HttpRequest
  readonly checks: readonly HealthCheck[]
  readonly failed: (check: string, error: unknown) => void
}): Promise<HttpResponse> => {
  const { path, only, http } = of
  const all = of.checks.filter(one => path !== 'livez' || one.isLive)
  if (only !== undefined) {
    const one = all.find(check => check.name === only)
    if (one === undefined) throw new Fault('NotFound', `there is no check "${only.slice(0, 80)}" at /${path}`)
    const isWell = await passes(one, of.failed)
    return isWell ? answer(200, 'ok') : answer(500, 'internal server error: reason withheld\n')
  }
  const excluded = http.query.getAll('exclude').filter(name => name !== '')
  const lines = await Promise.all(
    all.map(async one => {
      if (excluded.includes(one.name)) return { isWell: true, line: `[+]${one.name} excluded: ok\n` }
      const isWell = await passes(one, of.failed)
      return { isWell, line: isWell ? `[+]${one.name} ok\n` : `[-]${one.name} failed: reason withheld\n` }
    }),
  )
  const unknown = excluded
    .filter(name => !all.some(one => one.name === name))
    .map(name => JSON.stringify(name.slice(0, 80)))
  const warning =
    unknown.length === 0
      ? ''
      : `warn: some health checks cannot be excluded: no matches for ${unknown.slice(0, 10).join(',')}\n`
  const text = lines.map(one => one.line).join('') + warning
  if (lines.some(one => !one.isWell)) return answer(500, `${text}${path} check failed\n`)
  return answer(200, queryFlag(http.query, 'verbose') ? `${text}${path} check passed\n` : 'ok')
}

const passes = async (one: HealthCheck, failed: (check: string, error: unknown) => void): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Fault('Timeout', `no answer within ${mostMs / 1000} s`)), mostMs)
  })
  try {
    await Promise.race([one.check(), late])
    return true
  } catch (error) {
    failed(one.name, error)
    return false
  } finally {
    clearTimeout(timer)
  }
}
