import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { Fault } from '../../api/fault.ts'
import type { EngineStore } from '../settings.ts'

/** Seconds without a request after which the service leaves by itself. */
const idleSeconds = 5

/** How long a cold start may take. On x86: 60 ms. */
const startTimeoutMs = 20_000

/**
 * Gives a function that resolves when the engine's API service listens on the store's socket, starting it where it
 * does not. It is nobody's child: it lives on when we die, and leaves when nobody asks it anything. Under systemd
 * it gets a unit of its own (KillMode=process), so that stopping us or it never stops a container.
 *
 * @throws Fault Machine where it cannot be started, with its last words
 */
export const onDemandService = (of: {
  readonly podman: string
  readonly store: EngineStore
  readonly env: { readonly [name: string]: string }
  readonly hasSystemd: boolean
}): (() => Promise<void>) => {
  let starting: Promise<void> | undefined
  return async () => {
    if (await isListening(of.store.socket)) return
    starting ??= start(of).finally(() => {
      starting = undefined
    })
    await starting
  }
}

/** The argument array that starts the service. */
export const serviceCommand = (of: {
  readonly podman: string
  readonly store: EngineStore
  readonly env: { readonly [name: string]: string }
  readonly hasSystemd: boolean
}): readonly string[] => {
  const service = [
    of.podman,
    ...['--log-level=error', '--tmpdir', of.store.tmpDir, 'system', 'service'],
    ...[`--time=${idleSeconds}`, `unix://${of.store.socket}`],
  ]
  if (!of.hasSystemd) return service
  return [
    ...['systemd-run', '--quiet', '--collect', `--unit=dunlin-engine-${of.store.name}`],
    ...['--property=KillMode=process', '--property=Delegate=yes'],
    `--property=WorkingDirectory=${workFolder(of.store)}`,
    ...Object.entries(of.env).map(([name, value]) => `--setenv=${name}=${value}`),
    ...service,
  ]
}

/** conmon: it writes a file `oom` where it was started. */
const workFolder = (store: EngineStore): string => dirname(store.socket)

const start = async (of: Parameters<typeof serviceCommand>[0]): Promise<void> => {
  const [program = '', ...args] = serviceCommand(of)
  const logPath = `${of.store.socket}.log`
  const log = openSync(logPath, 'w', 0o600)
  let ended: string | undefined
  let wasKilled = false
  try {
    const cwd = workFolder(of.store)
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd, env: { ...of.env } })
    child.on('error', error => {
      ended = error.message
    })
    child.on('exit', (code, signal) => {
      // systemd-run ends well as soon as the unit runs.
      if (!of.hasSystemd || code !== 0) ended = `it ended with ${signal ?? code}`
      wasKilled = signal !== null
    })
    child.unref()
  } finally {
    closeSync(log)
  }
  for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += 10) {
    if (await isListening(of.store.socket)) return
    if (ended !== undefined) break
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  if (wasKilled)
    throw new Fault('Unavailable', `${of.podman} system service was killed while it started`, { broken: true })
  const words = readFileSync(logPath, 'utf8').trim().slice(-1000)
  throw new Fault(
    'Machine',
    `${of.podman} system service did not start (${ended ?? 'it does not listen'})${words === '' ? '' : `: ${words}`}. Is Podman 4.3 or later installed? Run "${of.podman} info" to see`,
    { socket: of.store.socket },
  )
}

const isListening = (socket: string): Promise<boolean> =>
  new Promise(resolve => {
    const tried = connect(socket)
    tried.on('connect', () => {
      tried.destroy()
      resolve(true)
    })
    tried.on('error', () => resolve(false))
  })
