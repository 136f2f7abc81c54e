import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { kubeconfig } from '../../src/hub/identity/kubeconfig.ts'
import { type RestKit, startKit } from '../support/rest.ts'
import type { Kubectl } from './fetch-kubectl.ts'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What the command reads from standard input. */
  readonly input?: string
  readonly env?: { readonly [name: string]: string }
  /** A kubeconfig other than the usual one. */
  readonly kubeconfig?: string
  /** Stop it after so long; it then has the code -1. Default a minute. */
  readonly timeoutMs?: number
}

export interface RunningKubectl {
  /** The next line of standard output. Fails when it has ended. */
  line(): Promise<string>
  stop(): Promise<Run>
  /** What it came to by itself. */
  readonly ended: Promise<Run>
}

export interface KubectlCommands {
  /** Runs `kubectl …`, words split at blanks; a word with blanks is given as a list. */
  run(words: string | readonly string[], options?: RunOptions): Promise<Run>
  /** As `run`, which must end with 0. Standard output. */
  ok(words: string | readonly string[], options?: RunOptions): Promise<string>
  /** Starts a command that goes on, as `get -w`. */
  start(words: string | readonly string[], options?: RunOptions): RunningKubectl
  /** A folder of this test's own, with `home/` for kubectl's cache. */
  readonly folder: string
}

/**
 * One kubectl against one server. Its home, with its caches, is a folder that goes with the test.
 *
 * @example const kubectl = kubectlFor(t, await fetchKubectl('sid'), '/path/to/kubeconfig')
 */
export const kubectlFor = (t: Test, { path }: Kubectl, config: string): KubectlCommands => {
  const folder = mkdtempSync(join(tmpdir(), 'dunlin-kubectl-'))
  const running = new Set<ReturnType<typeof spawn>>()
  t.teardown(() => {
    for (const child of running) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const launch = (words: string | readonly string[], options: RunOptions) => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      KUBECONFIG: options.kubeconfig ?? config,
      ...options.env,
    }
    const child = spawn(path, typeof words === 'string' ? words.split(' ') : words, { env, cwd: folder })
    running.add(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', chunk => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', chunk => {
      stderr += chunk
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    const ended = once(child, 'close').then(([code]): Run => {
      clearTimeout(timer)
      running.delete(child)
      return { code: typeof code === 'number' ? code : -1, stdout, stderr }
    })
    return { child, ended, text: () => stdout }
  }

  const run: KubectlCommands['run'] = (words, options = {}) => launch(words, options).ended
  return {
    folder,
    run,
    async ok(words, options = {}) {
      const { code, stdout, stderr } = await run(words, options)
      const name = typeof words === 'string' ? words : words.join(' ')
      t.equal(code, 0, `kubectl ${name}`, { diagnostic: false, stderr, stdout } as never)
      return stdout
    },
    start(words, options = {}) {
      const { child, ended, text } = launch(words, options)
      let at = 0
      return {
        ended,
        async line() {
          for (;;) {
            const end = text().indexOf('\n', at)
            if (end >= 0) {
              const line = text().slice(at, end)
              at = end + 1
              return line
            }
            if (child.exitCode !== null) throw new Error(`kubectl ended: ${(await ended).stderr}`)
            await Promise.race([once(child.stdout, 'data'), ended])
          }
        },
        async stop() {
          child.kill('SIGTERM')
          return await ended
        },
      }
    },
  }
}

export interface KubectlKit extends RestKit {
  readonly kubectl: KubectlCommands
  /** A kubeconfig file for a user of the kit (`admin`, `eva`). */
  configOf(user: string): string
}

/** The real REST server of `support/rest.ts`, and one kubectl as its admin. */
export const startKubectlKit = async (
  t: Test,
  client: Kubectl,
  more: Parameters<typeof startKit>[1] = {},
): Promise<KubectlKit> => {
  const rest = await startKit(t, more)
  const folder = mkdtempSync(join(tmpdir(), 'dunlin-kubeconfig-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const configOf = (user: string): string => {
    const credentials = rest.credentials(user)
    if (credentials === undefined) throw new Error(`the kit knows no user ${user}`)
    const path = join(folder, `${user}.kubeconfig`)
    const of = { fleet: rest.keys.fleet, server: rest.url, ca: rest.keys.ca.pem, user, credentials }
    writeFileSync(path, kubeconfig(of), { mode: 0o600 })
    return path
  }
  return { ...rest, configOf, kubectl: kubectlFor(t, client, configOf('admin')) }
}
