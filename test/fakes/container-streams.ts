import { Fault } from '../../src/api/fault.ts'
import type { ProcessOptions, RunningProcess } from '../../src/core/pods/running-process.ts'
import { boundedStream } from '../../src/lib/bounded-stream.ts'
import type { ByteConnection } from '../../src/lib/byte-connection.ts'
import { settled } from '../../src/lib/settled.ts'
import { readTar, writeTar } from '../../src/lib/tar.ts'

const mostWaiting = 64 * 1024

/**
 * What goes in and out of a container of the fake runtime: attached ends (a container of `cat` answers them), its files
 * (`/` and `/tmp` are there, plain files only), and what listens in it (`nc … -e cat` and `httpd -p …:PORT`).
 */
export const fakeContainerStreams = (command: readonly string[]) => {
  const attached = new Set<(stream: 'stdout' | 'stderr', text: string) => void>()
  const files = new Map<string, Buffer>()
  const ended = settled<number>()

  return {
    said(stream: 'stdout' | 'stderr', text: string) {
      for (const tell of attached) tell(stream, text)
    },
    end(code: number) {
      ended.resolve(code)
    },
    attach(
      options: ProcessOptions,
      of: { readonly say: (text: string) => void; readonly exit: (code: number) => void },
    ): RunningProcess {
      const outputs = { stdout: boundedStream(mostWaiting), stderr: boundedStream(mostWaiting) }
      const tell = (stream: 'stdout' | 'stderr', text: string): void => {
        if (options[stream]) void outputs[stream].push(Buffer.from(text))
      }
      const leave = (): void => {
        attached.delete(tell)
        outputs.stdout.end()
        outputs.stderr.end()
      }
      attached.add(tell)
      ended.promise.then(leave, leave)
      return {
        stdin: {
          async write(bytes) {
            if (command[0] === 'cat') of.say(Buffer.from(bytes).toString())
          },
          end() {
            if (command[0] === 'cat' && options.stdin) of.exit(0)
          },
        },
        ...outputs,
        async resize() {},
        exitCode: ended.promise,
        async close() {
          leave()
        },
      }
    },
    async copyIn(folder: string, archive: AsyncIterable<Uint8Array>) {
      if (folder !== '/' && folder !== '/tmp') throw missing(folder)
      for await (const file of readTar(archive)) {
        const parts: Uint8Array[] = []
        for await (const part of file.body) parts.push(part)
        files.set(`${folder === '/' ? '' : folder}/${file.name}`, Buffer.concat(parts))
      }
    },
    copyOut(path: string): AsyncIterable<Uint8Array> {
      const bytes = files.get(path)
      if (bytes === undefined) throw missing(path)
      const body = (async function* () {
        yield bytes
      })()
      return writeTar([{ name: path.split('/').at(-1) ?? '', size: bytes.length, body }], 0)
    },
    connect(port: number): ByteConnection | undefined {
      const words = command.join(' ')
      if (words.includes(`httpd -f -p 127.0.0.1:${port}`))
        return answering(() => 'HTTP/1.1 404 Not Found\r\n\r\n', true)
      if (words.includes(`nc -ll -p ${port} -e cat`)) return answering(text => text, false)
      return undefined
    },
  }
}

const missing = (path: string): Fault => new Fault('NotFound', `${path}: no such file or folder in the container`)

/** A connection whose other side answers what is written, and ends with it, or after one answer. */
const answering = (answer: (text: string) => string, isOnce: boolean): ByteConnection => {
  const incoming = boundedStream(mostWaiting)
  return {
    incoming,
    async write(bytes) {
      await incoming.push(Buffer.from(answer(Buffer.from(bytes).toString())))
      if (isOnce) incoming.end()
    },
    end: () => incoming.end(),
    close: () => incoming.end(),
  }
}
