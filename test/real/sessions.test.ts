import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { helloArchive } from '../../scripts/images.ts'
import { podServices } from '../../src/agent/sessions/pod-services.ts'
import type { Pod } from '../../src/api/types.ts'
import { podStreams } from '../../src/hub/fleet/pod-streams.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { readTar, writeTar } from '../../src/lib/tar.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'
import { ownWorld } from '../fleet/own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { sessionFleet } = await import('../support/session-fleet.ts')
const { until } = await import('../support/until.ts')

/*
 *   this process: hub's end of the sessions ══ TLS, WebSocket ══ agent's end ── Podman ── one pod
 */

const image = 'localhost/dunlin/hello:1'
const archive = `${world.folder}/hello.tar`
writeFileSync(archive, helloArchive(image))
const runtime = podmanRuntime({
  engine: { stateFolder: `${world.folder}/engine`, cgroupParent: world.cgroupParent },
  runFolder: '/run/dunlin',
  logFolder: `${world.folder}/logs`,
  storeMode: 'memory',
  clock: systemClock,
  log: silentLog,
})
await runtime.loadImage(archive)
const uid = '00000000-0000-4000-8000-0000000000aa'
const serving = ['sh', '-c', 'busybox nc -ll -p 7001 -e cat & exec busybox httpd -f -p 127.0.0.1:7000 -h /tmp']
const spec = aContainer({ podUid: uid, image, command: serving })
await runtime.makeSandbox(aSandbox({ uid }))
await runtime.createContainer(spec)
await runtime.startContainer(spec)

const fleet = await sessionFleet(t, {
  serve: podServices({ runtime, logs: async function* () {}, podAddress: () => undefined }),
})
const streams = podStreams({ sessions: fleet.sessions })
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid },
  spec: { nodeName: 'attic', containers: [{ name: 'main', image }] },
}
const signal = new AbortController().signal
const all = { tty: false, stdin: true, stdout: true, stderr: true }

t.teardown(async () => {
  await runtime.stopContainer(spec, 0)
  await runtime.removeContainer(spec)
  await runtime.removeSandbox(uid)
  await runtime.close()
})

const exec = (command: readonly string[], change: Partial<typeof all> = {}) =>
  streams.exec(pod, 'main', { ...all, ...change, command }, signal)

const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
const pids = async (): Promise<number> => (await runtime.usage()).find(one => one.podUid === uid)?.pids ?? 0

t.test('a command through the whole way', async t => {
  const process = await exec(['sh', '-c', 'cat; echo err >&2; exit 7'])
  await process.stdin.write(Buffer.from('hello'))
  process.stdin.end()
  t.strictSame(await Promise.all([read(process.stdout), read(process.stderr)]), ['hello', 'err\n'])
  t.strictSame(await process.result, { exitCode: 7 })
})

t.test('an interactive shell with job control: sizes, signals, its end', async t => {
  const process = await exec(['sh'], { tty: true, stderr: false })
  const seen = process.stdout[Symbol.asyncIterator]()
  let text = ''
  const say = async (line: string, wanted: RegExp): Promise<void> => {
    text = ''
    await process.stdin.write(Buffer.from(line))
    while (!wanted.test(text)) text += Buffer.from((await seen.next()).value ?? '').toString()
  }
  await say('echo $TERM\n', /\nxterm\r/)
  process.resize({ columns: 123, rows: 45 })
  await until('the size has come', async () => {
    await say('busybox stty size\n', /\n\d+ \d+\r/)
    return text.includes('45 123')
  })
  // Ctrl-C ends what runs, not the shell.
  await process.stdin.write(Buffer.from('sleep 1000\n'))
  await new Promise(resolve => setTimeout(resolve, 300))
  await say('\u0003', /\^C/)
  await say('echo code $?\n', /code 130\r/)
  await process.stdin.write(Buffer.from('exit 4\n'))
  for (let step = await seen.next(); !step.done; step = await seen.next()) text += step.value.length
  t.strictSame(await process.result, { exitCode: 4 })
})

t.test('a client that vanishes ends its commands, and what they left in the background', async t => {
  const before = await pids()
  const gone = new AbortController()
  const process = await streams.exec(
    pod,
    'main',
    { ...all, command: ['sh', '-c', 'sleep 2000 & sleep 2001 & echo ready; cat'] },
    gone.signal,
  )
  await process.stdout[Symbol.asyncIterator]().next()
  t.ok((await pids()) >= before + 3)
  gone.abort()
  await until('they are ended', async () => (await pids()) === before)
  t.match(await process.result, { error: { reason: 'Unavailable' } })
})

t.test('one that vanishes at once leaves as little', async t => {
  const before = await pids()
  for (let round = 0; round < 5; round += 1) {
    const gone = new AbortController()
    const process = await streams.exec(
      pod,
      'main',
      { ...all, command: ['sh', '-c', 'sleep 2000 & echo ready; cat'] },
      gone.signal,
    )
    await process.stdout[Symbol.asyncIterator]().next()
    gone.abort()
    await until('they are ended', async () => (await pids()) === before)
  }
  t.equal(await pids(), before)
})

t.test('sessions opened and dropped leave no process and no descriptor', async t => {
  const before = await pids()
  await read((await exec(['true'])).stdout)
  const descriptors = () => readdirSync('/proc/self/fd').length
  const open = descriptors()
  for (let round = 0; round < 4; round += 1) {
    const some = await Promise.all(Array.from({ length: 5 }, (_, at) => exec(['cat'], { tty: at % 2 === 0 })))
    for (const one of some) one.close('dropped')
  }
  await until('they are ended', async () => (await pids()) === before)
  await until('the sockets are closed', () => descriptors() <= open + 4)
  t.equal(fleet.dials.length, 1, 'all went through one session')
})

t.test('a container that prints without a newline, and a client that reads on', async t => {
  const process = await exec(['head', '-c', '200000000', '/dev/zero'])
  let bytes = 0
  for await (const chunk of process.stdout) bytes += chunk.length
  t.equal(bytes, 200_000_000)
  t.strictSame(await process.result, { exitCode: 0 })
})

t.test('a hundred megabytes go in and come out as they were, without a tar in the image', async t => {
  const block = Buffer.alloc(1_000_000)
  for (let at = 0; at < block.length; at += 1) block[at] = (at * 2_654_435_761) >>> 13
  const sent = createHash('sha256')
  const body = (async function* () {
    for (let index = 0; index < 100; index += 1) {
      block.writeUInt32BE(index)
      const copy = Buffer.from(block)
      sent.update(copy)
      yield copy
    }
  })()
  const into = await streams.copyIn(pod, 'main', '/tmp', signal)
  for await (const chunk of writeTar([{ name: 'big', size: 100_000_000, body }], 0)) await into.write(chunk)
  into.end()
  t.equal(await read(into.incoming), '')
  const wanted = sent.digest('hex')
  t.match(await read((await exec(['busybox', 'sha256sum', '/tmp/big'])).stdout), wanted)

  const came = createHash('sha256')
  const out = await streams.copyOut(pod, 'main', '/tmp/big', signal)
  for await (const file of readTar(out.incoming)) for await (const part of file.body) came.update(part)
  t.equal(came.digest('hex'), wanted)
})

t.test("a listener on the pod's localhost is reached, and one that is not there says so", async t => {
  const page = await streams.forward(pod, 7000, signal)
  await page.write(Buffer.from('GET /nothing HTTP/1.0\r\n\r\n'))
  t.match(await read(page.incoming), /^HTTP\/1\.\d 404/)
  page.end()
  const echo = await streams.forward(pod, 7001, signal)
  const big = Buffer.alloc(5_000_000, 'x')
  const sending = echo.write(big).then(() => echo.end())
  t.equal((await read(echo.incoming)).length, big.length)
  await sending
  const error = await streams.forward(pod, 7009, signal).then(
    () => undefined,
    (error: unknown) => error,
  )
  t.match(error, { reason: 'Unavailable', message: /port 7009 of pod "default\/web"/ })
})

t.test('a pod that ends takes its sessions with it', async t => {
  const process = await exec(['cat'])
  const other = await streams.forward(pod, 7001, signal)
  await runtime.stopContainer(spec, 0)
  t.equal(await read(process.stdout), '')
  t.match(await process.result, { exitCode: 137 })
  await read(other.incoming).catch(() => '')
})
