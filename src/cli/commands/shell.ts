import { randomBytes } from 'node:crypto'
import { createWriteStream, type WriteStream } from 'node:fs'
import { describeError, Fault, isFault } from '../../api/fault.ts'
import type { Command, Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { nodeName, nodePath } from '../node-paths.ts'
import { kubeOptions } from '../options.ts'
import { type Asciicast, asciicast } from '../streams/asciicast.ts'
import { escapeByte, escapeKeys } from '../streams/escape-keys.ts'
import { runRemote } from '../streams/run-remote.ts'
import type { TerminalSize } from '../streams/talk.ts'

export const shell: Command = {
  name: 'shell',
  summary: 'a shell or a command on a device itself, as its policy allows',
  usage: 'shell NODE [-u USER] [-- COMMAND [ARGS…]] | shell NODE --session ID',
  examples: [
    { line: 'dunlin shell barn', says: 'a shell; Ctrl-] d leaves it there, Ctrl-] . ends it, Ctrl-] ? tells more' },
    { line: 'dunlin shell barn --session 5e1f0c9a7b32', says: 'back to a shell that was left' },
    { line: 'dunlin shell barn -u pi -- df -h', says: 'one command, with its output and exit code' },
    { line: 'dunlin shell barn --record barn.cast', says: 'and keep what it shows, for asciinema' },
  ],
  options: [
    ...kubeOptions,
    { name: 'user', short: 'u', value: 'NAME', help: 'account of the device (default: as its policy says, else root)' },
    { name: 'session', value: 'ID', help: 'back to this shell, which was left' },
    { name: 'tty', short: 't', help: 'a terminal for a command, too' },
    { name: 'escape', value: 'KEY', help: 'the key before d, . and ? (default ^]; none for none)' },
    { name: 'record', value: 'FILE', help: 'keep what the terminal shows, as asciicast v2; keys are not kept' },
    { name: 'quiet', short: 'q', help: 'no notes' },
  ],
  async run(of) {
    const kube = await of.kube()
    const [word, ...more] = of.words
    if (word === undefined || more.length > 0)
      throw new Fault('BadRequest', 'a shell where? For example: dunlin shell barn, or dunlin shell barn -- df -h')
    const node = nodeName(word)
    const resume = of.text('session')
    const tty = resume !== undefined || of.rest.length === 0 || of.isSet('tty')
    if (tty && process.stdin.isTTY !== true)
      throw new Fault('BadRequest', 'a shell needs a terminal here; a command does not: dunlin shell barn -- df -h')
    return await atNode(of, kube, { node, tty, resume: resume !== undefined, session: resume ?? newSession() })
  },
}

const newSession = (): string => randomBytes(6).toString('hex')

interface Wish {
  readonly node: string
  readonly tty: boolean
  readonly resume: boolean
  readonly session: string
}

const atNode = async (of: Invocation, kube: KubeClient, wish: Wish): Promise<number> => {
  const { node, tty, session } = wish
  const note = (text: string): void => {
    if (!of.isSet('quiet')) of.out.note(text)
  }
  const keyName = of.text('escape') ?? '^]'
  const keys = escapeKeys(tty ? escapeByte(keyName) : undefined)
  const size: TerminalSize = { columns: process.stdout.columns ?? 80, rows: process.stdout.rows ?? 24 }
  const term = of.env['TERM'] ?? 'xterm'
  const recording = record(of, { size, term, title: `node/${node}` })
  let wished: 'detach' | 'end' | undefined
  const user = of.text('user')
  try {
    return await runRemote(of, kube, {
      path: nodePath(node, 'shell'),
      query: [
        ['session', session],
        ['resume', String(wish.resume)],
        ['tty', String(tty)],
        ['term', term],
        ...(user === undefined ? [] : [['user', user] as const]),
        ...of.rest.map(one => ['command', one] as const),
        ...(tty ? [['columns', String(size.columns)] as const, ['rows', String(size.rows)] as const] : []),
      ],
      stdin: true,
      tty,
      onOutput: bytes => recording?.cast.output(bytes),
      onResize: changed => recording?.cast.resize(changed),
      onInput(bytes, socket) {
        const typed = keys(bytes)
        if (typed.wish === 'help') process.stderr.write(help(keyName, session))
        else if (typed.wish !== undefined) {
          wished = typed.wish
          socket.close()
        }
        return typed.send
      },
    })
  } catch (error) {
    if (wished === 'detach') {
      note(`\nLeft. Back with: dunlin shell ${node} --session ${session}`)
      return 0
    }
    if (wished === 'end') {
      const path = `/apis/dunlin.io/v1/sessions/${session}`
      await kube.request('DELETE', path, { query: { node }, signal: of.signal })
      note('\nEnded.')
      return 0
    }
    if (tty && isFault(error, 'Unavailable')) {
      note(`\n${describeError(error)}. If the shell is still there: dunlin shell ${node} --session ${session}`)
      return 3
    }
    throw error
  } finally {
    recording?.close()
  }
}

const help = (key: string, session: string): string =>
  `\r\n${key} d leaves the shell (--session ${session}), ${key} . ends it, ${key} ${key} sends ${key}\r\n`

/** Bytes that may wait for the file; a disk that is slower than the terminal makes the recording end. */
const mostWaitingBytes = 16 * 1024 * 1024

const record = (
  of: Invocation,
  about: { readonly size: TerminalSize; readonly term: string; readonly title: string },
): { readonly cast: Asciicast; close(): void } | undefined => {
  const path = of.text('record')
  if (path === undefined) return undefined
  const file: WriteStream = createWriteStream(path, { mode: 0o600 })
  let isLost = false
  const lose = (why: string): void => {
    if (!isLost) of.out.note(`\r\nthe recording ${path} ends here: ${why}\r`)
    isLost = true
  }
  file.on('error', error => lose(error.message))
  const write = (line: string): void => {
    if (isLost) return
    file.write(line)
    if (file.writableLength > mostWaitingBytes) lose('the disk does not keep up')
  }
  const cast = asciicast({ ...about, write, now: of.now })
  return {
    cast,
    close() {
      cast.close()
      file.end()
    },
  }
}
