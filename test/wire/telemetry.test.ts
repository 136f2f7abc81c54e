import t from 'tap'
import { parseTelemetryBirth, parseTelemetryData } from '../../src/wire/telemetry.ts'

t.test('a birth and data are read as the agent sends them', async t => {
  const birth = {
    format: 1,
    time: '2026-11-24T12:00:00.000Z',
    metrics: { cpu_percent: { name: 'CPU', unit: '%', stateClass: 'measurement' } },
  }
  t.strictSame(parseTelemetryBirth(birth, 'birth'), birth)
  const data = { time: '2026-11-24T12:00:00.000Z', sequence: 3, cpu_percent: 4.5 }
  t.strictSame(parseTelemetryData(data, 'data'), data)
})

t.test('what is no telemetry is named', async t => {
  t.throws(() => parseTelemetryBirth({ format: 1, time: 'yesterday', metrics: {} }, 'birth'), /birth\.time/)
  t.throws(() => parseTelemetryData({ time: '2026-11-24T12:00:00Z', sequence: 1, cpu: 'hot' }, 'data'), /data\.cpu/)
})
