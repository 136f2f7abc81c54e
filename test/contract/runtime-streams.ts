import type { Test } from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { ProcessOptions, RunningProcess } from '../../src/core/pods/running-process.ts'
import type { ContainerSpec, PodRuntime } from '../../src/core/pods/runtime.ts'
import { readTar, writeTar } from '../../src/lib/tar.ts'
import type { aContainer } from '../fakes/container-spec.ts'

const all: ProcessOptions = { tty: false, stdin: true, stdout: true, stderr: true }
const terminal: ProcessOptions = { tty: true, stdin: true, stdout: true, stderr: false }

/** Made by the contract that this is a part of: a pod with one running container, gone after the test. */
type ARunning = (
  t: Test,
  command?: readonly string[],
  change?: Parameters<typeof aContainer>[0],
) => Promise<{ readonly runtime: PodRuntime; readonly uid: string; readonly spec: ContainerSpec }>

/** Processes, archives and connections: what people talk to in a container, on any runtime. */
export const runtimeStreamsContract = (t: Test, aRunning: ARunning): void => {
  const signal = new AbortController().signal

  const aProcess = async (t: Test, command: readonly string[], options: ProcessOptions = all) => {
    const of = await aRunning(t)
    const process = await of.runtime.openExec(of.spec, { ...options, command }, signal)
    t.teardown(() => process.close())
    return { ...of, process }
  }
  const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of source) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }
  const both = async (process: RunningProcess) =>
    await Promise.all([read(process.stdout), read(process.stderr), process.exitCode])
  const until = async (what: string, is: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 1200; tries += 1) {
      if (await is()) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`it did not happen: ${what}`)
  }
  const pids = async (of: { readonly runtime: PodRuntime; readonly uid: string }): Promise<number> =>
    (await of.runtime.usage()).find(one => one.podUid === of.uid)?.pids ?? 0

  t.test('a command gives its two outputs apart, and its exit code', async t => {
    const { process } = await aProcess(t, ['sh', '-c', 'echo out; echo err >&2; exit 7'])
    t.strictSame(await both(process), ['out\n', 'err\n', 7])
  })

  t.test('a command reads what is written, until its input ends', async t => {
    const { process } = await aProcess(t, ['cat'])
    await process.stdin.write(Buffer.from('one '))
    await process.stdin.write(Buffer.from('two'))
    process.stdin.end()
    t.strictSame(await both(process), ['one two', '', 0])
  })

  t.test('a command without input finds its end', async t => {
    const { process } = await aProcess(t, ['cat'], { ...all, stdin: false })
    t.strictSame(await both(process), ['', '', 0])
  })

  t.test('a command with a terminal has one output, the size it was given, and a new one', async t => {
    const { process } = await aProcess(
      t,
      ['sh', '-c', 'busybox stty size; read line; busybox stty size; echo done >&2'],
      { ...terminal, size: { columns: 132, rows: 40 } },
    )
    const seen = process.stdout[Symbol.asyncIterator]()
    let text = ''
    while (!text.includes('40 132')) text += Buffer.from((await seen.next()).value ?? '').toString()
    await process.resize({ columns: 100, rows: 30 })
    await process.stdin.write(Buffer.from('go\n'))
    for (let step = await seen.next(); !step.done; step = await seen.next()) text += Buffer.from(step.value).toString()
    t.match(text, /30 100\r?\n/)
    t.match(text, /done\r?\n/)
    t.equal(await process.exitCode, 0)
    t.equal(await read(process.stderr), '')
  })

  t.test('a command that is not there ends with 127 or 126, and says so', async t => {
    const { process } = await aProcess(t, ['/no-such-command'])
    const [out, err, code] = await both(process)
    t.ok(code === 127 || code === 126, `exit code ${code}`)
    t.match(`${out}${err}`, /not found|no such file/i)
  })

  t.test('a command whose client is gone is ended, with what it started', async t => {
    const { process, ...of } = await aProcess(t, ['sh', '-c', 'echo ready; sleep 1000'])
    for await (const chunk of process.stdout) if (Buffer.from(chunk).toString().includes('ready')) break
    await until('it is counted', async () => (await pids(of)) > 1)
    await process.close()
    await process.close()
    // The container's own shell, and at times its short sleep.
    await until('only the container itself is left', async () => (await pids(of)) <= 2)
  })

  t.test('a command that nobody reads waits, and disturbs nobody else', async t => {
    const { process, runtime, spec } = await aProcess(t, ['head', '-c', '100000000', '/dev/zero'])
    const other = await runtime.openExec(spec, { ...all, command: ['echo', 'hello'] }, signal)
    t.strictSame(await both(other), ['hello\n', '', 0])
    let bytes = 0
    for await (const chunk of process.stdout) {
      bytes += chunk.length
      if (bytes > 5_000_000) break
    }
    t.ok(bytes > 5_000_000)
    await process.close()
  })

  t.test('ten megabytes go in and are counted', async t => {
    const { process } = await aProcess(t, ['wc', '-c'])
    for (let index = 0; index < 160; index += 1) await process.stdin.write(Buffer.alloc(65_536, 97))
    process.stdin.end()
    const [out] = await both(process)
    t.equal(out.trim(), String(160 * 65_536))
  })

  t.test('no command is started in a container that is not running, nor one attached to', async t => {
    const { runtime, spec } = await aRunning(t, ['true'])
    await until('it has ended', async () => {
      const [one] = (await runtime.observePod(spec.podUid))?.containers ?? []
      return one?.state === 'exited'
    })
    for (const asked of [
      () => runtime.openExec(spec, { ...all, command: ['true'] }, signal),
      () => runtime.attach(spec, all, signal),
      () => runtime.copyOut(spec, '/tmp', signal),
    ]) {
      const error = await asked().then(
        () => undefined,
        (error: unknown) => error,
      )
      t.ok(isFault(error, 'Conflict'), String(error))
    }
    const nowhere = await runtime.openExec({ ...spec, container: 'other' }, { ...all, command: ['true'] }, signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    t.ok(isFault(nowhere, 'NotFound'), String(nowhere))
  })

  t.test('who attaches talks to the first process, and hears its end', async t => {
    const { runtime, spec } = await aRunning(t, ['cat'], { stdin: true })
    const process = await runtime.attach(spec, all, signal)
    await process.stdin.write(Buffer.from('hello\n'))
    const seen = process.stdout[Symbol.asyncIterator]()
    t.equal(Buffer.from((await seen.next()).value ?? '').toString(), 'hello\n')
    const second = await runtime.attach(spec, { ...all, stdin: false }, signal)
    await process.stdin.write(Buffer.from('again\n'))
    t.equal(Buffer.from((await seen.next()).value ?? '').toString(), 'again\n')
    await second.close()
    process.stdin.end()
    t.equal((await seen.next()).done, true)
    t.equal(await process.exitCode, 0)
  })

  t.test('a process lives on when who was attached to it leaves', async t => {
    const { runtime, spec } = await aRunning(t)
    const process = await runtime.attach(spec, all, signal)
    await process.close()
    t.equal((await runtime.observePod(spec.podUid))?.containers[0]?.state, 'running')
  })

  t.test('files go into a container and come out again, without a tar in it', async t => {
    const { runtime, spec } = await aRunning(t)
    const bytes = Buffer.alloc(1_000_000, 'dunlin')
    const archive = writeTar([{ name: 'file.bin', size: bytes.length, body: once(bytes) }], 1_700_000_000)
    await runtime.copyIn(spec, '/tmp', archive, signal)
    const out = await runtime.copyOut(spec, '/tmp/file.bin', signal)
    for await (const file of readTar(out)) {
      t.equal(file.name, 'file.bin')
      const parts: Uint8Array[] = []
      for await (const part of file.body) parts.push(part)
      t.ok(Buffer.concat(parts).equals(bytes))
    }
  })

  t.test('a copy of what is not there, or to where nothing is, says so', async t => {
    const { runtime, spec } = await aRunning(t)
    for (const asked of [
      () => runtime.copyOut(spec, '/nothing', signal),
      () => runtime.copyIn(spec, '/nothing', writeTar([], 0), signal),
    ]) {
      const error = await asked().then(
        () => undefined,
        (error: unknown) => error,
      )
      t.ok(isFault(error, 'NotFound') && error.message.includes('/nothing'), String(error))
    }
  })

  t.test("what listens on the pod's localhost is reached", async t => {
    const { runtime, uid } = await aRunning(t, ['busybox', 'httpd', '-f', '-p', '127.0.0.1:7000', '-h', '/tmp'])
    let answer = ''
    await until('it listens', async () => {
      try {
        const connection = await runtime.connect(uid, 7000, signal)
        await connection.write(Buffer.from('GET /nothing HTTP/1.0\r\n\r\n'))
        answer = await read(connection.incoming)
        connection.close()
        return true
      } catch {
        return false
      }
    })
    t.match(answer, /^HTTP\/1\.\d 404/)
  })

  t.test('a connection ends each way by itself', async t => {
    const { runtime, uid } = await aRunning(t, ['busybox', 'nc', '-ll', '-p', '7001', '-e', 'cat'])
    let answer = ''
    await until('it listens', async () => {
      try {
        const connection = await runtime.connect(uid, 7001, signal)
        await connection.write(Buffer.from('hello'))
        connection.end()
        answer = await read(connection.incoming)
        connection.close()
        return true
      } catch {
        return false
      }
    })
    t.equal(answer, 'hello')
  })

  t.test('a port on which nothing listens is refused', async t => {
    const { runtime, uid } = await aRunning(t)
    const error = await runtime.connect(uid, 7999, signal).then(
      () => undefined,
      (error: unknown) => error,
    )
    t.ok(isFault(error, 'Unavailable'), String(error))
  })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
