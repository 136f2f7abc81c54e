import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Listens as systemd does, on a unix datagram socket, which Node does not have; one JSON string a message. */
const listener = `
import json, os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
receiver.bind('\\0' + name[1:] if name.startswith('@') else name)
print('listening', flush=True)
while True:
    print(json.dumps(receiver.recv(8192).decode()), flush=True)
`

/**
 * A service manager's ear at `path` (of the abstract kind where it begins with @), and what it heard.
 *
 * @example const heard = await notifySocket(t, '/tmp/n'); … heard.includes('WATCHDOG=1')
 */
export const notifySocket = async (
  t: { teardown(act: () => Promise<void>): void },
  path: string,
): Promise<readonly string[]> => {
  const child = spawn('python3', ['-c', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const heard: string[] = []
  const lines = createInterface({ input: child.stdout })
  await once(lines, 'line')
  lines.on('line', line => {
    const text: unknown = JSON.parse(line)
    if (typeof text === 'string') heard.push(text)
  })
  return heard
}
