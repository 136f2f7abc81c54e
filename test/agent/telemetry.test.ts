import t from 'tap'
import { type MeasuredPod, telemetry } from '../../src/agent/telemetry.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { NodeUsage } from '../../src/wire/payloads.ts'
import { manualClock } from '../fakes/clock.ts'
import { fakeHubLink } from '../fakes/hub-link.ts'
import { fakeRuntime } from '../fakes/runtime.ts'
import { aMachine } from './an-agent.ts'

const pod = (change: Partial<MeasuredPod> = {}): MeasuredPod => ({
  uid: 'uid-1',
  namespace: 'default',
  name: 'hello',
  restarts: 0,
  isReady: true,
  pid: 1,
  isHostNetwork: false,
  ...change,
})

const open = (engine: { isAway: boolean } = { isAway: false }) => {
  const clock = manualClock()
  const runtime = fakeRuntime({ clock })
  const link = fakeHubLink()
  const usages: NodeUsage[] = []
  const world = { machine: aMachine({ temperatureCelsius: 50 }), pods: [pod()] as readonly MeasuredPod[] }
  const meter = telemetry({
    link,
    runtime: {
      async usage() {
        if (engine.isAway) throw new Error('the engine does not answer')
        return await runtime.usage()
      },
    },
    readMachine: async () => world.machine,
    pods: () => world.pods,
    traffic: async () => ({ receivedBytes: 10, sentBytes: 5 }),
    onUsage: usage => usages.push(usage),
    periodSeconds: 60,
    clock,
    log: silentLog,
  })
  const data = (device: string) =>
    link.telemetryMessages.filter(one => one.device === device && one.what === 'data').map(one => one.json)
  return { clock, link, usages, world, meter, data }
}

t.test('each device is born with names and units before its first values', async t => {
  const { clock, link, meter } = open()
  link.connect()
  meter.start()
  await clock.advance(2000)
  t.strictSame(
    link.telemetryMessages.map(one => `${one.device} ${one.what}`),
    ['node birth', 'node data', 'pod.default.hello birth', 'pod.default.hello data'],
  )
  t.match(link.telemetryMessages[0]?.json, {
    format: 1,
    metrics: {
      temperature_celsius: {
        name: 'CPU temperature',
        unit: '°C',
        deviceClass: 'temperature',
        stateClass: 'measurement',
      },
      memory_used_bytes: { unit: 'B' },
    },
  })
  t.match(link.telemetryMessages[3]?.json, { sequence: 0, restarts: 0, ready: 1, network_received_bytes: 10 })
})

t.test('after that only what has left its deadband is sent', async t => {
  const { clock, link, world, meter, data } = open()
  link.connect()
  meter.start()
  await clock.advance(2000)
  await clock.advance(300_000)
  t.equal(data('node').length, 1)
  world.machine = aMachine({ temperatureCelsius: 51 })
  await clock.advance(60_000)
  t.equal(data('node').length, 1)
  world.machine = aMachine({ temperatureCelsius: 60 })
  world.pods = [pod({ restarts: 1 })]
  await clock.advance(60_000)
  const { time: _time, ...last } = data('node').at(-1) as { time: string }
  t.strictSame(last, { sequence: 1, temperature_celsius: 60 })
  t.match(data('pod.default.hello').at(-1), { restarts: 1 })
})

t.test('a board tells its voltage and its card where it can, and nothing of them where it cannot', async t => {
  const { clock, link, world, meter, data } = open()
  world.machine = aMachine({
    throttled: 0x50001,
    cards: [
      { device: 'mmcblk0', lifeUsedPercent: 10, writtenBytes: 1000 },
      { device: 'mmcblk1', lifeUsedPercent: 30, writtenBytes: 500 },
    ],
  })
  link.connect()
  meter.start()
  await clock.advance(2000)
  t.match(data('node')[0], {
    under_voltage: 1,
    throttled: 0x50001,
    card_life_used_percent: 30,
    card_written_bytes: 1500,
  })
  world.machine = aMachine()
  link.disconnect()
  await clock.advance(60_000)
  link.connect()
  await clock.advance(2000)
  for (const metric of ['under_voltage', 'throttled', 'card_life_used_percent', 'card_written_bytes'])
    t.notOk(JSON.stringify(data('node').at(-1)).includes(metric), metric)
})

t.test('a heartbeat sends everything every fifteen minutes', async t => {
  const { clock, link, meter, data } = open()
  link.connect()
  meter.start()
  await clock.advance(16 * 60_000)
  t.match(data('node').at(-1), { temperature_celsius: 50, memory_used_bytes: 1 << 29 })
  t.equal(data('node').length, 2)
})

t.test('a pod that is gone takes its birth with it', async t => {
  const { clock, link, world, meter } = open()
  link.connect()
  meter.start()
  await clock.advance(2000)
  world.pods = []
  await clock.advance(60_000)
  t.match(
    link.telemetryMessages.find(one => one.device === 'pod.default.hello' && one.json === undefined),
    { what: 'birth' },
  )
})

t.test('a new connection is told everything again', async t => {
  const { clock, link, meter } = open()
  link.connect()
  meter.start()
  await clock.advance(2000)
  link.disconnect()
  await clock.advance(600_000)
  const before = link.telemetryMessages.length
  link.connect()
  await clock.advance(2000)
  t.equal(link.telemetryMessages.slice(before).filter(one => one.what === 'birth').length, 2)
})

t.test('usage goes every five minutes, and every period while someone watches', async t => {
  const { clock, link, usages, meter } = open()
  link.connect()
  meter.start()
  await clock.advance(10 * 60_000)
  t.equal(usages.length, 2)
  meter.raise(5, 60)
  await clock.advance(60_000)
  t.ok(usages.length >= 12, `${usages.length}`)
  const watched = usages.length
  await clock.advance(4 * 60_000)
  t.ok(usages.length <= watched + 1)
})

t.test('an engine that does not answer keeps back the numbers of pods, not those of the device', async t => {
  const engine = { isAway: true }
  const { clock, link, usages, meter, data } = open(engine)
  link.connect()
  meter.start()
  await clock.advance(62_000)
  t.equal(data('node').length > 0, true)
  t.equal(data('pod.default.hello').length, 0, 'nothing that was not observed')
  t.match(usages.at(-1)?.node.memoryBytes, Number)
  engine.isAway = false
  await clock.advance(60_000)
  t.equal(data('pod.default.hello').length, 1)
  engine.isAway = true
  await clock.advance(60_000)
  t.notOk(
    link.telemetryMessages.some(one => one.what === 'birth' && one.json === undefined),
    'and no pod is taken for gone',
  )
})
