import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

interface HubProcess {
  readonly child: ChildProcess
  /** What it wrote to standard error. */
  said(): string
  readonly ended: Promise<number | string | null>
}

const run = (t: Test, words: readonly string[], env: { readonly [name: string]: string } = {}): HubProcess => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'hub', ...words], {
    env: { PATH: process.env['PATH'], HOME: t.testdirName, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr?.on('data', chunk => {
    text += chunk
  })
  const ended = new Promise<number | string | null>(resolve =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  )
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  return { child, said: () => text, ended }
}

const anywhere = ['--host', '127.0.0.1', '--port', '0', '--mqtt-port', '0']

const whenUp = async (hub: HubProcess): Promise<number> => {
  const line = await until('the hub is up', () => hub.said().match(/^.*"the hub is up".*$/m)?.[0])
  const { api } = JSON.parse(line) as { readonly api: readonly string[] }
  return Number(api[0]?.split(':').at(-1))
}

t.test('a hub that is asked to end drains, and exits with 0', async t => {
  const folder = `${t.testdir()}/hub`
  const hub = run(t, ['--data', folder, ...anywhere])
  await whenUp(hub)
  hub.child.kill('SIGTERM')
  t.equal(await hub.ended, 0)
  t.match(hub.said(), /the hub has ended/)
})

t.test('settings come from a YAML file that the environment names', async t => {
  const folder = t.testdir()
  writeFileSync(`${folder}/hub.yaml`, `data: ${folder}/hub\nhost: 127.0.0.1\nport: 0\nmqtt-port: 0\nname: [hub.lan]\n`)
  const hub = run(t, [], { DUNLIN_CONFIG: `${folder}/hub.yaml` })
  t.ok((await whenUp(hub)) > 0)
  hub.child.kill('SIGTERM')
  t.equal(await hub.ended, 0)
})

t.test('what keeps it from starting is one clear message and an exit code', async t => {
  const folder = t.testdir()
  const taken = createServer().listen(0, '127.0.0.1')
  await until('the port is taken', () => taken.listening)
  t.teardown(() => new Promise<void>(resolve => taken.close(() => resolve())))
  const address = taken.address()
  const port = String(typeof address === 'object' ? address?.port : 0)
  const busy = run(t, ['--data', `${folder}/hub`, '--host', '127.0.0.1', '--port', port, '--mqtt-port', '0'])
  t.equal(await busy.ended, 5)
  t.match(busy.said(), new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use`))
  const wrong = run(t, ['--data', `${folder}/hub`], { DUNLIN_PORT: 'http' })
  t.equal(await wrong.ended, 2)
  t.match(wrong.said(), /DUNLIN_PORT: found "http"; expected a port, 0 to 65535/)
  t.notMatch(wrong.said(), /\n\s+at /, 'no stack')
})
