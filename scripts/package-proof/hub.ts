import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { soon } from './soon.ts'

/** A hub of this machine, and the command line at it. */
export interface ProofHub {
  readonly kubeconfig: string
  dunlin(...words: readonly string[]): { readonly status: number | null; readonly text: string }
  /** What the command prints in a terminal. */
  inTerminal(...words: readonly string[]): string
  close(): Promise<void>
}

/** Words go by the environment: script(1) hands its line to a shell. */
const inTerminalLine = 'exec "$PROOF_NODE" --disable-warning=ExperimentalWarning "$PROOF_PROGRAM" $PROOF_WORDS'

/**
 * Starts a hub on free ports of the loopback address, from the bundle of hub and CLI.
 *
 * @param folder for its data and its log
 * @example const hub = await proofHub({ program: '/tmp/program/dunlin.js', folder: '/tmp/hub' })
 */
export const proofHub = async (of: { readonly program: string; readonly folder: string }): Promise<ProofHub> => {
  const kubeconfig = join(of.folder, 'admin.kubeconfig')
  const words = [
    ...['--disable-warning=ExperimentalWarning', of.program, 'hub', '--data', join(of.folder, 'hub')],
    ...['--host', '127.0.0.1', '--port', '0', '--mqtt-port', '0', '--kubeconfig', kubeconfig],
  ]
  const child: ChildProcess = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  child.stderr?.pipe(createWriteStream(join(of.folder, 'hub.log')))
  const ended = once(child, 'exit')
  await soon('the hub is up', () => existsSync(kubeconfig))
  const env = { ...process.env, KUBECONFIG: kubeconfig }
  return {
    kubeconfig,
    dunlin(...line) {
      const done = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', of.program, ...line], {
        encoding: 'utf8',
        env,
        timeout: 120_000,
      })
      return { status: done.status, text: `${done.stdout}${done.stderr}` }
    },
    inTerminal: (...line) =>
      spawnSync('script', ['--quiet', '--return', '--command', inTerminalLine, '/dev/null'], {
        encoding: 'utf8',
        env: {
          ...env,
          PROOF_NODE: process.execPath,
          PROOF_PROGRAM: of.program,
          PROOF_WORDS: line.join(' '),
          SHELL: '/bin/sh',
        },
        timeout: 120_000,
      }).stdout,
    async close() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
