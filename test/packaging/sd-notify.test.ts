import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { architectures } from '../../scripts/packages/architectures.ts'
import { buildSdNotify } from '../../scripts/packages/natives.ts'
import { bundleProgram } from '../../scripts/packages/program-bundle.ts'
import { folderOf } from '../support/folder-of.ts'
import { notifySocket } from '../support/notify-socket.ts'
import { until } from '../support/until.ts'

const folder = folderOf(t)
const here = architectures.find(one => one.nodeArch === process.arch)
if (here === undefined) throw new Error(`there are no packages for ${process.arch}`)
const program = join(folder, 'program')
await bundleProgram(program)
const binary = join(program, 'node_modules/dunlin-sd-notify/sd-notify.node')
buildSdNotify(here, binary)

t.test('the packed hub tells systemd that it is ready, that it lives, and that it ends', async t => {
  const path = join(folder, 'notify')
  const heard = await notifySocket(t, path)
  const words = ['hub', '--data', join(folder, 'hub'), '--host', '127.0.0.1', '--port', '0', '--mqtt-port', '0']
  const hub = spawn(process.execPath, [join(program, 'dunlin.js'), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000', DUNLIN_LOG_LEVEL: 'warn' },
  })
  const ended = once(hub, 'exit')
  t.teardown(() => hub.kill('SIGKILL'))
  await until('it gives signs of life', () => heard.filter(one => one === 'WATCHDOG=1').length > 3)
  t.match(heard[0], /^READY=1\n/)
  t.match(heard[1], /^STATUS=serves fleet \w+\nWATCHDOG_USEC=300000\n/)
  hub.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
  await until('it says that it ends', () => heard.at(-1) === 'STOPPING=1\nSTATUS=ends')
})

t.test('a service manager in the abstract name space is heard, and one that is gone costs nothing', async t => {
  const { send }: { send(path: unknown, text: unknown): number } = createRequire(import.meta.url)(binary)
  const name = `@dunlin-${process.pid}`
  const heard = await notifySocket(t, name)
  t.equal(send(name, 'READY=1'), 0)
  await until('it was heard', () => heard.includes('READY=1'))
  t.equal(send(join(folder, 'nobody'), 'READY=1'), 2, 'ENOENT')
  t.equal(send(`/${'x'.repeat(200)}`, 'READY=1'), 22, 'EINVAL: no socket has so long a name')
  t.equal(send(undefined, 7), 22)
})
