import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'

/*
 *   systemd ──NOTIFY_SOCKET, WATCHDOG_USEC──> this process
 *           <──READY, WATCHDOG, STOPPING──
 */

/** The service manager that started this process, and what it wants to hear: sd_notify(3). */
export interface Supervisor {
  /** How often it wants a sign of life, milliseconds; undefined: it does not ask for any. */
  readonly beatEveryMs: number | undefined
  /** The process has begun, and may take an hour without a sign until it runs. */
  begun(status: string): void
  /** The process does its work; from now on a sign is missed when it does not come. */
  running(status: string): void
  /** A sign of life. To be called by the work itself, never by a timer that outlives it. */
  beat(): void
  /** It ends, and means to. */
  stopping(): void
}

/** What is asked for while a process starts: archives of images are loaded, a hub is waited for. */
const startMicroseconds = 3_600_000_000

/** Without a service manager: nobody listens. */
export const noSupervisor: Supervisor = {
  beatEveryMs: undefined,
  begun() {},
  running() {},
  beat() {},
  stopping() {},
}

/**
 * The service manager as the environment names it. Its names are taken out of `env`, so that no child speaks for this
 * process: Podman would.
 *
 * @param pid of this process
 * @param send tells a socket a text; the one of this machine where absent
 * @example const supervisor = takeSupervisor(process.env, process.pid)
 */
export const takeSupervisor = (
  env: { [name: string]: string | undefined },
  pid: number,
  send: (path: string, text: string) => void = sendNow(pid),
): Supervisor => {
  const path = env['NOTIFY_SOCKET']
  const microseconds = Number(env['WATCHDOG_USEC'])
  // sd_watchdog_enabled(3): another process may be meant.
  const isMeant = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid)
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (path === undefined || !/^[/@]./.test(path)) return noSupervisor
  const isAsked = isMeant && Number.isSafeInteger(microseconds) && microseconds > 0
  const tell = (...lines: readonly string[]): void => send(path, lines.join('\n'))
  const limit = (value: number): readonly string[] => (isAsked ? [`WATCHDOG_USEC=${value}`, 'WATCHDOG=1'] : [])
  return {
    // A third: two signs may be late.
    beatEveryMs: isAsked ? Math.max(1, Math.floor(microseconds / 3000)) : undefined,
    begun: status => tell('READY=1', `STATUS=${status}`, ...limit(Math.max(microseconds, startMicroseconds))),
    running: status => tell(`STATUS=${status}`, ...limit(microseconds)),
    beat() {
      if (isAsked) tell('WATCHDOG=1')
    },
    stopping: () => tell('STOPPING=1', 'STATUS=ends'),
  }
}

/**
 * By the binary that packages bring beside the program. From sources there is none, and systemd's own program says it:
 * a process for each sign, which a server can bear. What cannot be said is not: systemd then does what its unit says.
 */
const sendNow = (pid: number) => {
  let native: Native | undefined
  let isLooked = false
  return (path: string, text: string): void => {
    if (!isLooked) native = findNative()
    isLooked = true
    if (native !== undefined) {
      native.send(path, text)
      return
    }
    const words = ['--no-block', `--pid=${pid}`, ...text.split('\n')]
    execFile('systemd-notify', words, { env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: path } }, () => {})
  }
}

interface Native {
  send(path: string, text: string): number
}

const findNative = (): Native | undefined => {
  try {
    const found: unknown = createRequire(import.meta.url)('dunlin-sd-notify/sd-notify.node')
    return isNative(found) ? found : undefined
  } catch {
    // Not packed, or for another machine.
    return undefined
  }
}

const isNative = (value: unknown): value is Native =>
  typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function'
