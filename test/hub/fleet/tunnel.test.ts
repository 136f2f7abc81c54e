import t, { type Test } from 'tap'
import { podServices } from '../../../src/agent/sessions/pod-services.ts'
import type { Pod } from '../../../src/api/types.ts'
import { podLogs } from '../../../src/hub/fleet/pod-logs.ts'
import { podStreams } from '../../../src/hub/fleet/pod-streams.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { type CarriedMessage, fakeBus } from '../../fakes/bus.ts'
import { aContainer, aSandbox } from '../../fakes/container-spec.ts'
import { fakeRuntime } from '../../fakes/runtime.ts'
import { fails } from '../../support/fails.ts'
import { sessionFleet } from '../../support/session-fleet.ts'

const image = 'localhost/dunlin/hello:1'
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image }] },
}
const signal = new AbortController().signal
const all = { tty: false, stdin: true, stdout: true, stderr: true }

/** A hub whose API port the node does not reach, and a broker in between that a test may play with. */
const aFleet = async (t: Test, carry: (message: CarriedMessage) => CarriedMessage[] = message => [message]) => {
  const runtime = fakeRuntime({ images: [image] })
  t.teardown(() => runtime.close())
  const spec = aContainer({ podUid: 'u1', image })
  await runtime.makeSandbox(aSandbox({ uid: 'u1' }))
  await runtime.createContainer(spec)
  await runtime.startContainer(spec)
  const bus = fakeBus({
    carry(message, deliver) {
      for (const one of carry(message)) setImmediate(deliver, one)
    },
  })
  bus.agent('attic').connect()
  const fleet = await sessionFleet(t, {
    serve: podServices({
      runtime,
      logs: async function* () {
        yield Buffer.from('a line\n')
      },
      podAddress: () => undefined,
    }),
    bus,
    // Nothing listens there.
    by: () => '127.0.0.1:1',
  })
  const streams = podStreams({ sessions: fleet.sessions })
  return {
    ...fleet,
    bus,
    streams,
    logs: podLogs({ sessions: fleet.sessions, clock: systemClock }),
    exec: (command: readonly string[]) => streams.exec(pod, 'main', { ...all, command }, signal),
  }
}

const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('where only MQTT is open, logs and commands go through it, and the broker reads nothing', async t => {
  const fleet = await aFleet(t)
  const options = { follow: false, previous: false, timestamps: false }
  t.equal(await read(await fleet.logs.open(pod, 'main', options, signal)), 'a line\n')
  const process = await fleet.exec(['sh', '-c', 'echo very secret; echo trouble >&2; exit 4'])
  t.strictSame(await Promise.all([read(process.stdout), read(process.stderr)]), ['very secret\n', 'trouble\n'])
  t.strictSame(await process.result, { exitCode: 4 })
  t.equal(fleet.dials.length, 1)
  const carried = Buffer.concat(fleet.bus.carried.map(message => message.bytes)).toString('latin1')
  t.notMatch(carried, /secret|a line|trouble|podUid/)
  t.ok(fleet.bus.carried.every(message => message.topic.endsWith('/tun')))
})

t.test('much goes through in small pieces, and never much at once', async t => {
  const fleet = await aFleet(t)
  const process = await fleet.exec(['head', '-c', '200000', '/dev/zero'])
  t.equal((await read(process.stdout)).length, 200_000)
  t.ok(fleet.bus.carried.every(message => message.bytes.length <= 16_384))
})

t.test('one thing goes at a time, and nothing that is large', async t => {
  const fleet = await aFleet(t)
  const first = await fleet.exec(['cat'])
  await fails(t, fleet.exec(['cat']), 'TooManyRequests', /one log or command at a time/)
  first.close('enough')
  await first.result
  t.equal(await read((await fleet.exec(['echo', 'next'])).stdout), 'next\n')
  await fails(t, fleet.streams.forward(pod, 80, signal), 'Unavailable', /"forward".*API port/)
  await fails(t, fleet.streams.copyOut(pod, 'main', '/tmp', signal), 'Unavailable', /API port/)
})

t.test('a broker that repeats and invents frames disturbs nothing', async t => {
  const earlier: CarriedMessage[] = []
  const fleet = await aFleet(t, message => {
    earlier.push(message)
    const forged = Buffer.from(message.bytes)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    return [{ ...message, bytes: forged }, message, message, ...earlier.slice(-5, -1)]
  })
  const process = await fleet.exec(['head', '-c', '100000', '/dev/zero'])
  t.equal((await read(process.stdout)).length, 100_000)
})

t.test('a frame that is lost ends the tunnel on both sides, and the next is a new one', async t => {
  let lose = false
  const fleet = await aFleet(t, message => {
    if (!lose || message.way === 'down') return [message]
    lose = false
    return []
  })
  const process = await fleet.exec(['cat'])
  lose = true
  await process.stdin.write(Buffer.from('one'))
  await process.stdin.write(Buffer.from('two'))
  t.match(await process.result, { error: { reason: 'Unavailable', message: /lost on the way/ } })
  t.equal(await read((await fleet.exec(['echo', 'again'])).stdout), 'again\n')
  t.equal(fleet.dials.length, 2)
})

t.test('a tunnel that nobody asked for is not opened', async t => {
  const fleet = await aFleet(t)
  await fleet.agents.attic.sessions.dial({
    format: 1,
    id: 'c',
    notAfter: '2099-01-01T00:00:00Z',
    action: 'dial',
    url: 'wss://127.0.0.1:1/dunlin/v1/sessions/x',
    token: 'x',
  })
  await new Promise(resolve => setTimeout(resolve, 50))
  t.strictSame(
    fleet.bus.carried.map(message => message.way),
    ['up'],
    'the hub says nothing to it',
  )
})
