import { spawn } from 'node:child_process'
import { Fault } from '../api/fault.ts'

export interface ProgramResult {
  readonly code: number
  /** Standard output and error in the order they came, at most 16 KiB; what is more is thrown away. */
  readonly output: string
}

const mostBytes = 16 * 1024

/**
 * Runs a program with an argument array, never through a shell, and gives its exit code and output.
 *
 * @throws Fault Machine where the program is not there; Timeout where it did not end in `timeoutMs` (it is killed)
 * @example await runProgram(['ip', 'link', 'show', 'lo'])
 */
export const runProgram = (
  words: readonly string[],
  options: { readonly timeoutMs?: number; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<ProgramResult> => {
  const [program = '', ...args] = words
  const timeoutMs = options.timeoutMs ?? 30_000
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    const chunks: Buffer[] = []
    let bytes = 0
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, timeoutMs)
    const take = (chunk: Buffer): void => {
      if (bytes < mostBytes) chunks.push(chunk.subarray(0, mostBytes - bytes))
      bytes += chunk.length
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    // A program that reads no input closes the pipe early; that is its right.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    child.on('error', error => {
      clearTimeout(timer)
      reject(
        new Fault(
          'Machine',
          `cannot run ${program}: ${packageHint(program)}`,
          { program, command: words.join(' ') },
          error,
        ),
      )
    })
    child.on('close', code => {
      clearTimeout(timer)
      if (isLate)
        reject(new Fault('Timeout', `${words.join(' ')} did not end in ${timeoutMs} ms`, { command: words.join(' ') }))
      else resolve({ code: code ?? 137, output: Buffer.concat(chunks).toString() })
    })
  })
}

/** As `runProgram`, and any exit code but 0 is a Fault of the machine that shows the output. */
export const mustRun = async (
  words: readonly string[],
  options: Parameters<typeof runProgram>[1] = {},
): Promise<string> => {
  const result = await runProgram(words, options)
  if (result.code !== 0)
    throw new Fault('Machine', `${words.slice(0, 3).join(' ')} failed (${result.code}): ${result.output.trim()}`, {
      command: words.join(' '),
    })
  return result.output
}

const packageHint = (program: string): string =>
  ({
    podman: "it is not installed; install Debian's package podman",
    ip: "it is not installed; install Debian's package iproute2",
    unshare: "it is not installed; install Debian's package util-linux",
    mount: "it is not installed; install Debian's package mount",
  })[program] ?? 'is it installed?'
