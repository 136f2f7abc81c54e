import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import { jsonLog } from '../lib/log.ts'
import { noSupervisor, type Supervisor } from '../lib/supervisor.ts'
import { readAgentConfig } from './config.ts'
import { startAgent } from './main.ts'
import { ownLog } from './own-log.ts'

export interface RunAgentOptions {
  /** Words after `dunlin agent`. */
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  /** Where log lines go. */
  readonly write: (line: string) => void
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal
  /** Who started this process and watches over it; absent: nobody. */
  readonly supervisor?: Supervisor
}

/**
 * The agent as a process: settings, start, and an orderly end when the signal aborts. Resolves when everything is closed.
 *
 * @throws Fault BadRequest (settings), Machine (what this machine lacks), what the hub says to a join token
 * @example await runAgent({ argv: ['--join-token', token], env: process.env, clock: systemClock, random: Math.random, write, signal })
 */
export const runAgent = async (of: RunAgentOptions): Promise<void> => {
  const { supervisor = noSupervisor } = of
  // The parser of YAML weighs two megabytes: it is loaded only where a file is named.
  const isFileNamed = of.env['DUNLIN_CONFIG'] !== undefined || of.argv.some(word => word.startsWith('--config'))
  const yaml = isFileNamed ? await import('../api/yaml.ts') : undefined
  const config = readAgentConfig({
    argv: of.argv,
    env: of.env,
    readFile: path => readFileSync(path, 'utf8'),
    parseYaml: text => yaml?.parseYaml(text)[0]?.value,
  })
  // Where systemd runs, its journal has the log already.
  const kept = existsSync('/run/systemd/system') ? undefined : ownLog({ path: join(config.runFolder, 'agent.log') })
  const write = (line: string): void => {
    of.write(line)
    kept?.write(line)
  }
  const log = jsonLog({ write, level: config.logLevel, now: () => of.clock.now(), facts: { part: 'agent' } })
  supervisor.begun('starts')
  const agent = await startAgent(config, {
    log,
    clock: of.clock,
    random: of.random,
    signal: of.signal,
    supervisor,
    ...(kept === undefined ? {} : { ownLog: kept }),
  })
  supervisor.running(`runs as node ${agent.nodeName}`)
  await new Promise<void>(resolve => {
    if (of.signal.aborted) resolve()
    else of.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  log.info('the agent was asked to end', { why: describeError(of.signal.reason) })
  supervisor.stopping()
  await agent.close()
  log.info('the agent has ended')
}
