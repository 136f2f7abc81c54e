import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { podServices } from '../../../src/agent/sessions/pod-services.ts'
import type { Pod } from '../../../src/api/types.ts'
import { podStreams } from '../../../src/hub/fleet/pod-streams.ts'
import { aContainer, aSandbox } from '../../fakes/container-spec.ts'
import { fakeRuntime } from '../../fakes/runtime.ts'
import { fails } from '../../support/fails.ts'
import { sessionFleet } from '../../support/session-fleet.ts'
import { type TcpRelay, tcpRelay } from '../../support/tcp-relay.ts'
import { until } from '../../support/until.ts'

const image = 'localhost/dunlin/hello:1'
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image }] },
}
const signal = new AbortController().signal
const all = { tty: false, stdin: true, stdout: true, stderr: true }

/** A hub and a node with one pod, and the way between them. */
const aFleet = async (t: Test) => {
  const runtime = fakeRuntime({ images: [image] })
  const spec = aContainer({ podUid: 'u1', image })
  await runtime.makeSandbox(aSandbox({ uid: 'u1' }))
  await runtime.createContainer(spec)
  await runtime.startContainer(spec)
  let relay: TcpRelay | undefined
  const fleet = await sessionFleet(t, {
    serve: podServices({ runtime, logs: async function* () {}, podAddress: () => undefined }),
    by: host => (relay === undefined ? host : `127.0.0.1:${relay.port}`),
  })
  const way = await tcpRelay(Number(fleet.host.split(':')[1]))
  relay = way
  t.teardown(async () => {
    way.close()
    await runtime.close()
  })
  const exec = (command: readonly string[]) =>
    podStreams({ sessions: fleet.sessions }).exec(pod, 'main', { ...all, command }, signal)
  /** Commands that run in the container now. */
  const running = async () => ((await runtime.usage())[0]?.pids ?? 1) - 1
  return { fleet, relay: way, runtime, exec, running }
}

const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}

const says = async (exec: (command: readonly string[]) => Promise<{ readonly stdout: AsyncIterable<Uint8Array> }>) =>
  await read((await exec(['echo', 'hello'])).stdout)

t.test('a link that is cut ends what went through it, on both sides, and the next goes when it is back', async t => {
  const { relay, exec, running } = await aFleet(t)
  const process = await exec(['cat'])
  await process.stdin.write(Buffer.from('x'))
  relay.cut()
  t.match(await process.result, { error: { reason: 'Unavailable' } })
  await fails(t, read(process.stdout), 'Unavailable')
  await until('the command is ended', async () => (await running()) === 0)
  await fails(t, exec(['cat']), 'Unavailable', /could not open a session/)
  relay.mend()
  t.equal(await says(exec), 'hello\n')
})

t.test('a restart of the agent or the hub ends the sessions, and the next is a new one', async t => {
  const { fleet, exec, running } = await aFleet(t)
  const first = await exec(['cat'])
  fleet.restartAgent()
  t.match(await first.result, { error: { reason: 'Unavailable', message: /the agent is stopping/ } })
  const second = await exec(['cat'])
  fleet.restartHub()
  t.match(await second.result, { error: { reason: 'Unavailable', message: /the hub is shutting down/ } })
  await until('the commands are ended', async () => (await running()) === 0)
  t.equal(await says(exec), 'hello\n')
  t.equal(fleet.dials.length, 3)
})

t.test('a client that stops reading in the middle of a gigabyte costs less than a mebibyte a side', async t => {
  const { exec, runtime } = await aFleet(t)
  const process = await exec(['head', '-c', '1000000000', '/dev/zero'])
  const reader = process.stdout[Symbol.asyncIterator]()
  let read = 0
  while (read < 10_000_000) read += (await reader.next()).value?.length ?? 0
  // Until nothing moves any more.
  let before = -1
  await until('it stands still', async () => {
    const now = runtime.outputBytes()
    const isStill = now === before
    before = now
    await new Promise(resolve => setTimeout(resolve, 150))
    return isStill
  })
  const under = runtime.outputBytes() - read
  t.ok(under <= 1024 * 1024, `${under} bytes wait in the node, on the way and in the hub together`)
  t.equal(await says(exec), 'hello\n', 'nobody else is disturbed')
  process.close('enough')
})

t.test('a network that takes nothing costs less than a mebibyte', async t => {
  const { exec, runtime, relay } = await aFleet(t)
  const process = await exec(['cat'])
  relay.freeze()
  const other = await Promise.race([
    exec(['head', '-c', '1000000000', '/dev/zero']),
    new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), 300)),
  ])
  t.equal(other, undefined)
  t.equal(runtime.outputBytes(), 0)
  let written = 0
  for (let index = 0; index < 200; index += 1)
    void process.stdin.write(Buffer.alloc(16_384)).then(
      () => {
        written += 16_384
      },
      () => undefined,
    )
  await new Promise(resolve => setTimeout(resolve, 300))
  t.ok(written <= 1024 * 1024, `${written} bytes were taken from the writer`)
  process.close('enough')
  relay.thaw()
})

t.test('a thousand sessions opened and dropped leave no command, stream or descriptor', async t => {
  const { fleet, exec, running } = await aFleet(t)
  t.equal(await says(exec), 'hello\n')
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (let round = 0; round < 100; round += 1) {
    const ten = await Promise.all(Array.from({ length: 10 }, () => exec(['cat'])))
    for (const one of ten) one.close('dropped')
    // Now and then the whole session.
    if (round % 10 === 9) fleet.sessions.drop('attic')
  }
  await until('the commands are ended', async () => (await running()) === 0)
  t.equal(await says(exec), 'hello\n')
  await until('the sockets are closed', () => descriptors() <= before + 4)
  t.equal(fleet.dials.length, 11)
})

t.test('a token serves one dial: not again, not by another node, not by anyone else', async t => {
  const { fleet, exec } = await aFleet(t)
  t.equal(await says(exec), 'hello\n')
  const [dial] = fleet.dials
  if (dial === undefined) throw new Error('nobody dialled')
  const path = new URL(dial.url).pathname
  const refused = async (tls: object, to: string): Promise<boolean> =>
    await new Promise(resolve => {
      const socket = new WebSocket(`wss://${fleet.host}${to}`, { ...tls, rejectUnauthorized: false })
      socket.on('open', () => {
        socket.close()
        resolve(false)
      })
      socket.on('error', () => resolve(true))
    })
  t.ok(await refused(fleet.agents.attic.tls, path), 'a second time')
  t.ok(await refused(fleet.agents.cellar.tls, path), 'by another node')
  t.ok(await refused(fleet.agents.attic.tls, `${path.slice(0, -1)}x`), 'one that was never given out')
  t.equal(await says(exec), 'hello\n', 'the session that stands is not disturbed')
})
