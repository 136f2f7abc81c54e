import t from 'tap'
import type { Container } from '../../../src/api/types.ts'
import {
  afterProbe,
  dueProbes,
  firstProbeState,
  type ProbeKind,
  type ProbeState,
} from '../../../src/core/pods/probe.ts'
import { aContainer } from '../../fakes/builders.ts'

const port = { tcpSocket: { port: 80 } }
const yes = { isOk: true, output: '' }
const no = { isOk: false, output: 'refused' }

const first = (container: Container, more: Partial<Parameters<typeof firstProbeState>[1]> = {}): ProbeState =>
  firstProbeState(container, { attempt: 0, nowMs: 0, runningForMs: 0, ...more })

/** The state after these results, one second apart. */
const after = (
  container: Container,
  kind: ProbeKind,
  results: readonly boolean[],
  state = first(container),
): ProbeState =>
  results.reduce((now, isOk, at) => afterProbe(now, container, kind, isOk ? yes : no, (at + 1) * 1000), state)

t.test('a container without probes is started and ready', async t => {
  t.match(first(aContainer()), { isStarted: true, isReady: true })
  t.strictSame(dueProbes(first(aContainer()), 1e9), { due: [], nextAtMs: undefined })
})

t.test('readiness begins as not ready, and follows the thresholds in both directions', async t => {
  const web = aContainer({ readinessProbe: { ...port, successThreshold: 2, failureThreshold: 2 } })
  t.equal(first(web).isReady, false)
  t.equal(after(web, 'readiness', [true]).isReady, false)
  const ready = after(web, 'readiness', [true, true])
  t.equal(ready.isReady, true)
  t.equal(after(web, 'readiness', [false], ready).isReady, true, 'one failure is forgiven')
  t.equal(after(web, 'readiness', [false, true, false], ready).isReady, true, 'a success between begins the count anew')
  t.equal(after(web, 'readiness', [false, false], ready).isReady, false)
})

t.test('liveness fails after failureThreshold failures in a row, and says what was seen', async t => {
  const web = aContainer({ livenessProbe: port })
  t.equal(after(web, 'liveness', [false, false, true, false, false]).failure, undefined)
  t.equal(
    after(web, 'liveness', [false, false, false]).failure,
    'Container web failed liveness probe, will be restarted: refused',
  )
})

t.test('after it has failed for good nothing is asked any more', async t => {
  const web = aContainer({ livenessProbe: { ...port, failureThreshold: 1 } })
  t.strictSame(dueProbes(after(web, 'liveness', [false]), 1e9).due, [])
})

t.test('nothing but the startup probe runs before that has succeeded', async t => {
  const web = aContainer({ startupProbe: port, livenessProbe: port, readinessProbe: port })
  const begun = first(web)
  t.strictSame(dueProbes(begun, 0).due, ['startup'])
  t.match(begun, { isStarted: false, isReady: false })
  const started = after(web, 'startup', [true], begun)
  t.match(started, { isStarted: true, isReady: false })
  t.strictSame(dueProbes(started, 1000).due, ['readiness', 'liveness'])
})

t.test(
  'a startup probe alone makes the container ready; when it fails for good the container is restarted',
  async t => {
    const web = aContainer({ startupProbe: { ...port, failureThreshold: 2 } })
    t.match(after(web, 'startup', [true]), { isStarted: true, isReady: true })
    t.match(after(web, 'startup', [false, false]), { isStarted: false, failure: /startup probe/ })
  },
)

t.test('the initial delay counts from the start of the container, and the period from the last answer', async t => {
  const web = aContainer({ livenessProbe: { ...port, initialDelaySeconds: 30, periodSeconds: 5 } })
  t.strictSame(dueProbes(first(web), 0), { due: [], nextAtMs: 30_000 })
  t.strictSame(dueProbes(first(web, { runningForMs: 25_000 }), 0), { due: [], nextAtMs: 5000 })
  t.strictSame(dueProbes(after(web, 'liveness', [true]), 1000), { due: [], nextAtMs: 6000 })
})

t.test('a new agent begins with what the one before knew of this very attempt', async t => {
  const web = aContainer({ startupProbe: port, readinessProbe: port })
  const before = { attempt: 3, isStarted: true, isReady: true }
  t.match(first(web, { attempt: 3, before }), { isStarted: true, isReady: true })
  t.match(first(web, { attempt: 4, before }), { isStarted: false, isReady: false })
})
