import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { podServices } from '../../../src/agent/sessions/pod-services.ts'
import { sessionScope } from '../../../src/agent/sessions/session-scope.ts'
import { Fault } from '../../../src/api/fault.ts'
import type { Pod } from '../../../src/api/types.ts'
import { podStreams } from '../../../src/hub/fleet/pod-streams.ts'
import { writeTar } from '../../../src/lib/tar.ts'
import { aContainer, aSandbox } from '../../fakes/container-spec.ts'
import { fakeRuntime } from '../../fakes/runtime.ts'
import { fails } from '../../support/fails.ts'
import { until } from '../../support/until.ts'
import { aPair } from '../../wire/mux-pair.ts'

const image = 'localhost/dunlin/hello:1'
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image }] },
}
const signal = new AbortController().signal
const all = { tty: false, stdin: true, stdout: true, stderr: true }

/** A hub's pod streams, and a node with one pod of one container on the fake runtime. */
const aNode = async (t: Test, change: { readonly command?: readonly string[]; readonly address?: string } = {}) => {
  const runtime = fakeRuntime({ images: [image] })
  t.teardown(() => runtime.close())
  const spec = aContainer({ podUid: 'u1', image, ...(change.command && { command: change.command }), stdin: true })
  await runtime.makeSandbox(aSandbox({ uid: 'u1' }))
  await runtime.createContainer(spec)
  await runtime.startContainer(spec)
  const services = podServices({
    runtime,
    logs: async function* () {},
    podAddress: () => change.address,
  })
  const scope = sessionScope()
  const pair = aPair(async (open, stream) => {
    const service = Object.entries(services).find(([type]) => type === open.type)?.[1]
    if (service === undefined) throw new Fault('BadRequest', open.type)
    stream.finish((await service(open.request, stream, scope)) ?? { exitCode: 0 })
  })
  return { ...pair, runtime, spec, streams: podStreams({ sessions: { session: async () => pair.hub } }) }
}

const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('a command runs in the newest running attempt, and its outputs and code come back', async t => {
  const { streams } = await aNode(t)
  const command = ['sh', '-c', 'echo out; echo err >&2; exit 3']
  const process = await streams.exec(pod, 'main', { ...all, command }, signal)
  t.strictSame(await Promise.all([read(process.stdout), read(process.stderr)]), ['out\n', 'err\n'])
  t.strictSame(await process.result, { exitCode: 3 })
})

t.test('a gigabyte without a newline comes whole, past a reader that stops in the middle', async t => {
  const { streams, hub } = await aNode(t)
  const total = 40_000_000
  const command = ['head', '-c', String(total), '/dev/zero']
  const slow = await streams.exec(pod, 'main', { ...all, command }, signal)
  const quick = await streams.exec(pod, 'main', { ...all, command: ['echo', 'hi'] }, signal)
  t.equal(await read(quick.stdout), 'hi\n', 'the other stream is not disturbed')
  let bytes = 0
  for await (const chunk of slow.stdout) {
    bytes += chunk.length
    if (bytes > total / 2) break
  }
  await until('the stream is gone', () => hub.streams === 0)
})

t.test('a pod that goes ends its sessions, with a reason', async t => {
  const { streams, runtime, spec } = await aNode(t)
  const process = await streams.exec(pod, 'main', { ...all, command: ['cat'] }, signal)
  await runtime.stopContainer(spec, 0)
  t.equal(await read(process.stdout), '')
  t.strictSame(await process.result, { exitCode: 137 })
  await fails(t, streams.exec(pod, 'main', { ...all, command: ['cat'] }, signal), 'Conflict', /is exited, not running/)
  await fails(t, streams.exec(pod, 'other', { ...all, command: ['cat'] }, signal), 'NotFound', /not on this node/)
  const unbound: Pod = { ...pod, spec: { containers: [] } }
  await fails(t, streams.exec(unbound, 'main', { ...all, command: ['cat'] }, signal), 'BadRequest', /no node yet/)
})

t.test('who attaches talks to the first process', async t => {
  const { streams } = await aNode(t, { command: ['cat'] })
  const process = await streams.attach(pod, 'main', all, signal)
  await process.stdin.write(Buffer.from('hello'))
  const first = await process.stdout[Symbol.asyncIterator]().next()
  t.equal(Buffer.from(first.value ?? '').toString(), 'hello')
  process.stdin.end()
  t.strictSame(await process.result, { exitCode: 0 })
})

t.test('a port is reached by the address of the pod, else on its localhost', async t => {
  const server = createServer(socket => socket.end('by its address'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const open = address !== null && typeof address === 'object' ? address.port : 0
  const { streams } = await aNode(t, { command: ['nc', '-ll', '-p', '7001', '-e', 'cat'], address: '127.0.0.1' })
  const outside = await streams.forward(pod, open, signal)
  t.equal(await read(outside.incoming), 'by its address')
  outside.end()
  const inside = await streams.forward(pod, 7001, signal)
  await inside.write(Buffer.from('hello'))
  inside.end()
  t.equal(await read(inside.incoming), 'hello')
  await fails(t, streams.forward(pod, 7002, signal), 'Unavailable', /port 7002 of pod "default\/web"/)
})

t.test('files go in and out, and an archive that leaves its folder does not', async t => {
  const { streams } = await aNode(t)
  const put = async (name: string): Promise<void> => {
    const stream = await streams.copyIn(pod, 'main', '/tmp', signal)
    const body = (async function* () {
      yield Buffer.from('hello')
    })()
    for await (const chunk of writeTar([{ name, size: 5, body }], 0)) await stream.write(chunk)
    stream.end()
    await read(stream.incoming)
  }
  await put('a')
  const out = await streams.copyOut(pod, 'main', '/tmp/a', signal)
  t.match(await read(out.incoming), /^a\0.*hello/s)
  await fails(t, put('../a'), 'Invalid', /leaves the folder/)
  const nothing = streams.copyOut(pod, 'main', '/nothing', signal)
  await fails(t, nothing, 'NotFound', /\/nothing/)
})
