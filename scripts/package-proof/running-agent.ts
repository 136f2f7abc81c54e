import type { LivedRoot } from './lived-root.ts'
import { soon } from './soon.ts'

/** The agent of the packages, run by hand as its unit would: a root without systemd starts no service. */
export interface RunningAgent {
  /** What it told systemd's stand-in, in order. */
  readonly told: readonly string[]
  log(): string
  isAlive(): boolean
  /** Asks it to end; resolves to how it did. */
  end(): Promise<number | null>
}

/** A receiver for the messages of sd_notify(3): this machine's Python at a socket of the root. */
const receiver = `
import socket, sys
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print('-', flush=True)
while True: print(ear.recv(8192).decode().replace(chr(10), ' '), flush=True)
`

/** Notes its own process id, which the agent keeps: nothing forks between. */
const noted = 'echo $$ > /run/agent.pid; exec /usr/bin/dunlin agent --network off --telemetry-seconds 5'

/**
 * Starts `dunlin agent` in a root where the package is installed, with the settings of its file.
 *
 * @example const agent = await runningAgent(root, { DUNLIN_JOIN_TOKEN: token })
 */
export const runningAgent = async (
  root: LivedRoot,
  env: { readonly [name: string]: string },
): Promise<RunningAgent> => {
  const socket = `/run/notify-${process.hrtime.bigint()}`
  const told: string[] = []
  const ear = root.outside(['python3', '-c', receiver, `${root.folder}${socket}`])
  ear.stdout?.on('data', (bytes: Buffer) => told.push(...bytes.toString('utf8').trim().split('\n')))
  await soon('the receiver listens', () => told.length > 0)
  told.length = 0
  let log = ''
  let ended: { readonly code: number | null } | undefined
  const child = root.start(['sh', '-c', noted], { ...env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '9000000' })
  child.stderr?.on('data', (bytes: Buffer) => {
    log = (log + bytes.toString('utf8')).slice(-64_000)
  })
  child.on('exit', code => {
    ended = { code }
  })
  return {
    told,
    log: () => log,
    isAlive: () => ended === undefined,
    async end() {
      root.run(['sh', '-c', 'kill -TERM "$(cat /run/agent.pid)"'])
      await soon(
        'the agent ends',
        () => ended !== undefined,
        () => log,
      )
      ear.kill('SIGKILL')
      return ended?.code ?? null
    },
  }
}
