import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { Fault } from '../../src/api/fault.ts'
import type { ByteStream, PodStreams, ProcessRequest, RemoteProcess, TerminalSize } from '../../src/hub/ports.ts'
import type { StreamResult } from '../../src/wire/side-channel/requests.ts'
import { type Pipe, pipe } from './remote-process.ts'

export interface FakePodStreams extends PodStreams {
  /** What was asked for, as `exec web/main: sh -c true`. */
  readonly asked: string[]
  readonly sizes: TerminalSize[]
  /** Processes that run now. */
  readonly running: Set<ChildProcess>
  /** What attach reaches: the next process of a pod. */
  main: readonly string[]
  /** Which port of this machine a pod's port is; others are refused. */
  readonly ports: Map<number, number>
  /** Where set, nothing is reached. */
  fault: Fault | undefined
}

/** Pods whose processes run right here, in a folder of the test's, and whose ports are this machine's. */
export const fakePodStreams = (folder: string): FakePodStreams => {
  const asked: string[] = []
  const running = new Set<ChildProcess>()
  const sizes: TerminalSize[] = []

  const launch = (command: readonly string[], wish: ProcessRequest, signal: AbortSignal): RemoteProcess => {
    const [program = '', ...words] = command
    const child = spawn(program, words, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
    running.add(child)
    child.once('close', () => running.delete(child))
    child.stdin.on('error', () => {})
    if (!wish.stdin) child.stdin.end()
    const close = (why: string): void => {
      closed ??= why
      child.kill('SIGKILL')
    }
    let closed: string | undefined
    signal.addEventListener('abort', () => close('nobody is there any more'))
    const result = Promise.race([
      once(child, 'close').then(([code]): StreamResult => {
        if (typeof code === 'number') return { exitCode: code }
        return { error: { reason: 'Unavailable', message: closed ?? 'the process was killed' } }
      }),
      once(child, 'error').then(([error]): StreamResult => ({ error: { reason: 'NotFound', message: String(error) } })),
    ])
    return {
      stdin: { write: bytes => writeTo(child.stdin, bytes), end: () => child.stdin.end() },
      stdout: outputOf(child.stdout, wish.stdout),
      stderr: outputOf(child.stderr, wish.stderr),
      resize: size => void sizes.push(size),
      result,
      close,
    }
  }

  const fake: FakePodStreams = {
    asked,
    sizes,
    running,
    main: ['cat'],
    ports: new Map(),
    fault: undefined,
    async exec(pod, container, request, signal) {
      asked.push(`exec ${pod.metadata.name}/${container}: ${request.command.join(' ')}`)
      if (fake.fault !== undefined) throw fake.fault
      return launch(request.command, request, signal)
    },
    async attach(pod, container, request, signal) {
      asked.push(`attach ${pod.metadata.name}/${container}`)
      if (fake.fault !== undefined) throw fake.fault
      return launch(fake.main, request, signal)
    },
    async forward(pod, port, signal) {
      asked.push(`forward ${pod.metadata.name}:${port}`)
      if (fake.fault !== undefined) throw fake.fault
      const here = fake.ports.get(port)
      if (here === undefined)
        throw new Fault('Unavailable', `nothing listens on port ${port} of pod "${pod.metadata.name}"`)
      return await dialled(here, signal)
    },
  }
  return fake
}

const writeTo = (stream: Writable, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => stream.write(bytes, error => (error == null ? resolve() : reject(error))))

/** What the process writes, from now on: a child that ends before anybody reads of it would take its output with it. */
const outputOf = (stream: Readable, isWanted: boolean): Pipe => {
  const output = pipe()
  const carry = async (): Promise<void> => {
    for await (const chunk of stream) if (isWanted) await output.write(chunk)
    output.end()
  }
  carry().catch(error => output.end(error))
  return output
}

const dialled = async (port: number, signal: AbortSignal): Promise<ByteStream> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  signal.addEventListener('abort', () => socket.destroy())
  return {
    incoming: socket.iterator({ destroyOnReturn: false }),
    write: bytes => writeTo(socket, bytes),
    end: () => socket.end(),
    reset: why => socket.destroy(new Error(why)),
  }
}
