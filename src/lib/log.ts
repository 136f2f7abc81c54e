/**
 * Structured logs: one JSON object a line on standard error, so that one grep for a pod's uid or
 * namespace/name follows it through hub and agent. `time` and `level` come first.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type LogFacts = { readonly [fact: string]: unknown }

export interface Log {
  debug(message: string, facts?: LogFacts): void
  info(message: string, facts?: LogFacts): void
  warn(message: string, facts?: LogFacts): void
  error(message: string, facts?: LogFacts): void
  /** A log that adds `facts` to every line. */
  with(facts: LogFacts): Log
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

const plain = (_key: string, value: unknown): unknown => {
  if (value instanceof Error)
    return { message: value.message, ...(value.cause === undefined ? {} : { cause: value.cause }) }
  return typeof value === 'bigint' ? value.toString() : value
}

/**
 * @example const log = jsonLog({ write: line => process.stderr.write(line), level: 'info', now: Date.now })
 */
export const jsonLog = (to: {
  readonly write: (line: string) => void
  readonly level: LogLevel
  readonly now: () => number
  readonly facts?: LogFacts
}): Log => {
  const say = (level: LogLevel) => (message: string, facts?: LogFacts) => {
    if (order[level] < order[to.level]) return
    const line = { time: new Date(to.now()).toISOString(), level, message, ...to.facts, ...facts }
    to.write(`${JSON.stringify(line, plain)}\n`)
  }
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    with: facts => jsonLog({ ...to, facts: { ...to.facts, ...facts } }),
  }
}

/** A log that says nothing. */
export const silentLog: Log = jsonLog({ write: () => {}, level: 'error', now: () => 0 })
