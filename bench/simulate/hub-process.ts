import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { runHub } from '../../src/hub/run-hub.ts'
import { movingClock } from './moving-clock.ts'

/*
 * The hub as it runs everywhere (src/hub/run-hub.ts), with a clock that can be moved and a meter beside it.
 * Its parent speaks to it by messages; they are the only difference.
 */

/** What the parent may ask. */
export type AskHub =
  /** Wall time jumps by the one, all time passes by the other. */
  | { readonly ask: 'move clock'; readonly jumpMs: number; readonly passMs: number }
  | { readonly ask: 'meter' }
  | { readonly ask: 'begin profile' }
  | { readonly ask: 'end profile'; readonly path: string }

/** Since the last time that it was asked. Milliseconds; bytes. */
export interface LoopMeter {
  readonly p50: number
  readonly p99: number
  readonly most: number
  readonly heapUsed: number
}

const clock = movingClock()
const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()
const profiler = new Session()

const answers: { readonly [Name in AskHub['ask']]: (ask: Extract<AskHub, { ask: Name }>) => Promise<unknown> } = {
  async 'move clock'({ jumpMs, passMs }) {
    clock.moveWall(jumpMs)
    await clock.pass(passMs)
  },
  async meter() {
    const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - 20)
    const meter: LoopMeter = {
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99)),
      most: ms(delay.max),
      heapUsed: process.memoryUsage().heapUsed,
    }
    delay.reset()
    return meter
  },
  async 'begin profile'() {
    profiler.connect()
    await profiler.post('Profiler.enable')
    await profiler.post('Profiler.start')
  },
  async 'end profile'({ path }) {
    const { profile } = await profiler.post('Profiler.stop')
    profiler.disconnect()
    writeFileSync(path, JSON.stringify(profile))
  },
}

const answer = (ask: AskHub): Promise<unknown> => {
  switch (ask.ask) {
    case 'move clock':
      return answers['move clock'](ask)
    case 'meter':
      return answers.meter(ask)
    case 'begin profile':
      return answers['begin profile'](ask)
    case 'end profile':
      return answers['end profile'](ask)
  }
}

process.on('message', async ({ id, ask }: { readonly id: number; readonly ask: AskHub }) => {
  const value = await answer(ask)
  process.send?.({ id, value })
})

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort(new Error('SIGTERM')))
process.once('disconnect', () => stop.abort(new Error('the simulation has ended')))
await runHub({
  argv: process.argv.slice(2),
  env: {},
  clock,
  write: line => process.stderr.write(line),
  signal: stop.signal,
})
process.exit(0)
