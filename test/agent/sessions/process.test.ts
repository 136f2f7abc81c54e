import t from 'tap'
import { serveProcess } from '../../../src/agent/sessions/serve-process.ts'
import { sessionScope } from '../../../src/agent/sessions/session-scope.ts'
import { serveStderr } from '../../../src/agent/sessions/stderr.ts'
import { Fault } from '../../../src/api/fault.ts'
import { remoteProcess } from '../../../src/hub/fleet/remote-process.ts'
import { parseExecRequest } from '../../../src/wire/side-channel/pod-requests.ts'
import { settle } from '../../fakes/clock.ts'
import { aProcess, type PlayedProcess } from '../../fakes/running-process.ts'
import { fails } from '../../support/fails.ts'
import { until } from '../../support/until.ts'
import { aPair } from '../../wire/mux-pair.ts'

const request = {
  podUid: 'u1',
  namespace: 'default',
  name: 'web',
  container: 'web',
  command: ['sh'],
  tty: false,
  stdin: true,
  stdout: true,
  stderr: true,
}

/** A hub's end and a node's end, and the processes that the node started. */
const aNode = (start?: () => Promise<PlayedProcess>) => {
  const processes: PlayedProcess[] = []
  const scope = sessionScope()
  const pair = aPair(async (open, stream) => {
    if (open.type === 'stderr') {
      await serveStderr(open.request, stream, scope)
      return
    }
    const asked = parseExecRequest(open.request, 'exec')
    const result = await serveProcess({
      request: asked,
      stream,
      scope,
      async start() {
        const process = (await start?.()) ?? aProcess(asked)
        processes.push(process)
        return process
      },
    })
    stream.finish(result)
  })
  const exec = (change: Partial<typeof request> = {}, signal = new AbortController().signal) =>
    remoteProcess({ session: pair.hub, type: 'exec', request: { ...request, ...change }, signal })
  const last = (): PlayedProcess => {
    const process = processes.at(-1)
    if (process === undefined) throw new Error('no process was started')
    return process
  }
  return { ...pair, processes, last, exec }
}

const collect = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}

t.test('a process is talked to: input with its end, both outputs apart, its exit code', async t => {
  const node = aNode()
  const remote = await node.exec()
  const process = node.last()
  await remote.stdin.write(Buffer.from('hello'))
  remote.stdin.end()
  await until('the input has ended', () => process.hasInputEnded)
  t.equal(process.input, 'hello')
  process.say('out\n')
  process.say('err\n', 'stderr')
  process.say('more\n')
  process.exit(7)
  t.strictSame(await Promise.all([collect(remote.stdout), collect(remote.stderr)]), ['out\nmore\n', 'err\n'])
  t.strictSame(await remote.result, { exitCode: 7 })
  t.equal(node.hub.streams, 0)
  await settle()
  t.equal(node.node.streams, 0)
})

t.test('an output that nobody reads does not hold up the other', async t => {
  const node = aNode()
  const remote = await node.exec()
  node.processes[0]?.say('x'.repeat(600_000), 'stderr')
  node.processes[0]?.say('prompt')
  for await (const chunk of remote.stdout) {
    t.equal(Buffer.from(chunk).toString(), 'prompt')
    break
  }
})

t.test('a terminal has one output, and changes its size', async t => {
  const node = aNode()
  const remote = await node.exec({ tty: true })
  const process = node.last()
  t.equal(await collect(remote.stderr), '')
  t.equal(node.hub.streams, 1)
  remote.resize({ columns: 132, rows: 40 })
  await until('the size changed', () => process.sizes.length === 1)
  remote.resize({ columns: 0, rows: 0 })
  remote.resize({ columns: 80.5, rows: 24 })
  for (let columns = 1; columns <= 500; columns += 1) remote.resize({ columns, rows: 24 })
  await until('the last size came', () => process.sizes.at(-1)?.columns === 500)
  t.strictSame(process.sizes[0], { columns: 132, rows: 40 })
  t.ok(process.sizes.length < 20, `a storm became ${process.sizes.length} changes`)
})

t.test('bytes that are no text come through a terminal as they are', async t => {
  const node = aNode()
  const remote = await node.exec({ tty: true })
  const bytes = Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0, 0x1b, 0x5b])
  const process = node.last()
  process.say(bytes)
  process.exit(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of remote.stdout) chunks.push(chunk)
  t.strictSame(Buffer.concat(chunks), bytes)
})

t.test('a process without input hears its end at once', async t => {
  const node = aNode()
  await node.exec({ stdin: false })
  await until('the input has ended', () => node.last().hasInputEnded)
  t.equal(node.last().input, '')
})

t.test('a client that goes ends the process: by close, by its signal, by the end of the session', async t => {
  const node = aNode()
  const first = await node.exec()
  first.close('enough')
  await until('the first is closed', () => node.processes[0]?.isClosed === true)
  t.match(await first.result, { error: { reason: 'Unavailable' } })

  const gone = new AbortController()
  await node.exec({}, gone.signal)
  gone.abort()
  await until('the second is closed', () => node.processes[1]?.isClosed === true)

  const last = await node.exec()
  node.hub.close('the hub is shutting down')
  await until('the third is closed', () => node.processes[2]?.isClosed === true)
  t.match(await last.result, { error: { reason: 'Unavailable', message: /shutting down/ } })
})

t.test('a client that goes while the process is being started leaves none behind', async t => {
  let begin: (process: PlayedProcess) => void = () => {}
  const node = aNode(
    () =>
      new Promise(resolve => {
        begin = resolve
      }),
  )
  const gone = new AbortController()
  const asked = node.exec({}, gone.signal)
  await settle()
  gone.abort()
  await fails(t, asked, 'Unavailable')
  const process = aProcess({ tty: false })
  begin(process)
  await until('the process is closed', () => process.isClosed)
})

t.test('a command that the node refuses is refused with its reason', async t => {
  const node = aNode(async () => {
    throw new Fault('NotFound', 'container "web" is not running')
  })
  await fails(t, node.exec(), 'NotFound', /not running/)
  await settle()
  t.equal(node.hub.streams, 0)
  t.equal(node.node.streams, 0)
})

t.test('the standard error of another stream, or twice the same, is not given', async t => {
  const node = aNode()
  await node.exec()
  await fails(t, node.hub.open('stderr', { of: 1 }).accepted, 'NotFound')
  await fails(t, node.hub.open('stderr', { of: 99 }).accepted, 'NotFound')
})

t.test('a thousand processes opened and dropped leave nothing', async t => {
  const node = aNode()
  for (let round = 0; round < 1000; round += 1) {
    const remote = await node.exec({ tty: round % 2 === 0 })
    remote.close('dropped')
  }
  await until('all are closed', () => node.processes.every(process => process.isClosed))
  await until('all streams are over', () => node.node.streams === 0)
  t.equal(node.processes.length, 1000)
  t.equal(node.hub.streams, 0)
})
