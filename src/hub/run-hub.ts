import { readFileSync } from 'node:fs'
import { describeError } from '../api/fault.ts'
import { parseYaml } from '../api/yaml.ts'
import type { Clock } from '../lib/clock.ts'
import { jsonLog } from '../lib/log.ts'
import { noSupervisor, type Supervisor } from '../lib/supervisor.ts'
import { readHubConfig } from './config.ts'
import { giveSigns } from './give-signs.ts'
import { startHub } from './main.ts'

export interface RunHubOptions {
  /** Words after `dunlin hub`. */
  readonly argv: readonly string[]
  readonly env: { readonly [name: string]: string | undefined }
  readonly clock: Clock
  /** Where log lines go. */
  readonly write: (line: string) => void
  /** Aborts when the process is asked to end: the hub then drains. */
  readonly signal: AbortSignal
  /** Who started this process and watches over it; absent: nobody. */
  readonly supervisor?: Supervisor
}

/**
 * The hub as a process: settings, start, and a drain when the signal aborts. Resolves when everything is closed.
 *
 * @throws Fault BadRequest (settings), Machine (what this machine lacks, or the store that ended by itself)
 * @example await runHub({ argv: ['--data', './hub'], env: process.env, clock: systemClock, write, signal })
 */
export const runHub = async (of: RunHubOptions): Promise<void> => {
  const { supervisor = noSupervisor } = of
  const readFile = (path: string) => readFileSync(path, 'utf8')
  const config = readHubConfig({ argv: of.argv, env: of.env, readFile, parseYaml: text => parseYaml(text)[0]?.value })
  const log = jsonLog({ write: of.write, level: config.logLevel, now: () => of.clock.now(), facts: { part: 'hub' } })
  const hub = await startHub(config, { log, clock: of.clock })
  supervisor.begun('starts')
  supervisor.running(`serves fleet ${hub.fleet}`)
  const signs = giveSigns({ supervisor, check: hub.check, clock: of.clock, log })
  const asked = new Promise<undefined>(resolve => {
    if (of.signal.aborted) resolve(undefined)
    else of.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const failure = await Promise.race([asked, hub.failed])
  if (failure === undefined) log.info('the hub was asked to end, and drains', { why: describeError(of.signal.reason) })
  else log.error('the store has ended by itself, and the hub ends, too', { error: describeError(failure) })
  signs.close()
  supervisor.stopping()
  await hub.close()
  log.info('the hub has ended')
  if (failure !== undefined) throw failure
}
