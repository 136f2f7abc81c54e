import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ownLog } from '../../../src/agent/own-log.ts'
import { policyOf } from '../../../src/agent/sessions/device-policy-file.ts'
import { serveJournal } from '../../../src/agent/sessions/journal.ts'
import { serveNodeCopyIn, serveNodeCopyOut } from '../../../src/agent/sessions/node-copy.ts'
import { serveNodeForward } from '../../../src/agent/sessions/node-forward.ts'
import { loadPty, type OpenPty } from '../../../src/agent/sessions/pty.ts'
import { sessionScope } from '../../../src/agent/sessions/session-scope.ts'
import { serveShell, serveShells } from '../../../src/agent/sessions/shell.ts'
import { serveStderr } from '../../../src/agent/sessions/stderr.ts'
import type { StreamServices } from '../../../src/agent/sessions/stream-service.ts'
import { terminals } from '../../../src/agent/sessions/terminals.ts'
import { Fault } from '../../../src/api/fault.ts'
import { remoteProcess } from '../../../src/hub/fleet/remote-process.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { ShellRequest } from '../../../src/wire/side-channel/node-requests.ts'
import type { StreamType } from '../../../src/wire/side-channel/requests.ts'
import { type ManualClock, manualClock, settle } from '../../fakes/clock.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'
import { until } from '../../support/until.ts'
import { aPair } from '../../wire/mux-pair.ts'

const user = userInfo().username
const always = new AbortController().signal

/** A device with a policy, and the hub's end of a session with it. */
const aDevice = (
  t: Test,
  policyText: string,
  parts: { loadPty?: () => Promise<OpenPty>; clock?: ManualClock } = {},
) => {
  const folder = folderOf(t)
  const clock = parts.clock ?? manualClock()
  const path = join(folder, 'policy.yaml')
  writeFileSync(path, policyText.replaceAll('FOLDER', folder))
  const policy = policyOf({ path, allowShell: () => false })
  const shells = terminals({ clock })
  t.teardown(() => shells.close())
  const own = ownLog({ path: join(folder, 'run/agent.log') })
  const services: StreamServices = {
    shell: serveShell({
      policy,
      terminals: shells,
      loadPty: parts.loadPty ?? loadPty,
      ownUid: process.getuid?.() ?? 0,
      lang: 'C.UTF-8',
      log: silentLog,
    }),
    shells: serveShells({ terminals: shells }),
    stderr: serveStderr,
    journal: serveJournal({ policy, ownLog: own, now: () => clock.now() }),
    'node-copy-out': serveNodeCopyOut({ policy }),
    'node-copy-in': serveNodeCopyIn({ policy, newName: () => 'tmp' }),
    'node-forward': serveNodeForward({ policy }),
  }
  const scope = sessionScope()
  const { hub } = aPair(async (open, stream) => {
    const service = services[open.type as StreamType]
    if (service === undefined) throw new Fault('BadRequest', `no ${open.type}`)
    stream.finish((await service(open.request, stream, scope)) ?? { exitCode: 0 })
  })
  const shell = (change: Partial<ShellRequest> = {}, signal = always) =>
    remoteProcess({
      session: hub,
      type: 'shell',
      request: {
        session: 'aaaaaaaa',
        by: 'ann',
        resume: false,
        user,
        command: [],
        term: 'xterm',
        tty: true,
        stdin: true,
        stdout: true,
        stderr: false,
        size: { columns: 80, rows: 24 },
        ...change,
      },
      signal,
    })
  return { folder, path, clock, hub, own, shells, shell }
}

const textOf = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

/** Reads in the background what a screen shows. */
const screenOf = (chunks: AsyncIterable<Uint8Array>) => {
  const shown = { text: '', isOver: false }
  const read = async (): Promise<void> => {
    for await (const chunk of chunks)
      shown.text = `${shown.text}${Buffer.from(chunk).toString('latin1')}`.slice(-100_000)
  }
  read()
    .catch(() => undefined)
    .finally(() => {
      shown.isOver = true
    })
  return shown
}

const allOn = 'shell: on\ncopy: on\njournal: on\nforward: [localhost:*]\n'

t.test('a shell has a terminal of the size that was asked for, takes every byte and tells its exit code', async t => {
  const { shell } = aDevice(t, allOn)
  const process = await shell({
    command: ['sh', '-c', 'stty size; stty raw -echo; echo go; head -c 5 | od -An -tx1; exit 9'],
  })
  const screen = screenOf(process.stdout)
  await until('the program reads', () => /24 80[\s\S]*go/.test(screen.text))
  await process.stdin.write(Uint8Array.of(0xff, 0xc3, 0x28, 0x00, 0xfe))
  t.strictSame(await process.result, { exitCode: 9 })
  await until('the end', () => screen.isOver)
  t.match(screen.text, 'ff c3 28 00 fe')
})

t.test('a thousand changes of size at once leave the last one, and the shell well', async t => {
  const { shell } = aDevice(t, allOn)
  const process = await shell({
    command: ['sh', '-c', 'until [ "$(stty size)" = "40 100" ]; do sleep 0.05; done; echo last'],
  })
  for (let columns = 1; columns <= 1000; columns += 1) process.resize({ columns, rows: 10 })
  process.resize({ columns: 100, rows: 40 })
  t.match(await textOf(process.stdout), 'last')
  t.strictSame(await process.result, { exitCode: 0 })
})

t.test('a shell whose client vanished stays for a bounded time, and nobody else comes to it', async t => {
  const { shell, shells, clock, hub } = aDevice(t, 'shell:\n  detachedMinutes: 5\n')
  const gone = new AbortController()
  const first = await shell({ command: ['sh', '-c', 'echo pid $$; exec cat'] }, gone.signal)
  const screen = screenOf(first.stdout)
  await until('its pid', () => /pid \d+/.test(screen.text))
  const pid = Number(/pid (\d+)/.exec(screen.text)?.[1])
  gone.abort()
  await until('nobody is there', () => shells.list()[0]?.isAttached === false)
  t.match(shells.list(), [{ session: 'aaaaaaaa', by: 'ann', user, leftSeconds: 300 }])
  await fails(t, shell({ resume: true, by: 'bob' }), 'Forbidden', /of "ann"/)
  await fails(t, shell({ command: ['sh'] }), 'Conflict', /has a shell aaaaaaaa already/)

  await clock.advance(200_000)
  const back = new AbortController()
  const second = await shell({ resume: true }, back.signal)
  const again = screenOf(second.stdout)
  await until('what was on the screen', () => again.text.includes(`pid ${pid}`))
  await second.stdin.write(Buffer.from('still\n'))
  await until('it lives', () => again.text.includes('still'))
  back.abort()
  await until('nobody is there', () => shells.list()[0]?.isAttached === false)
  t.ok(existsSync(`/proc/${pid}`))
  await clock.advance(301_000)
  await until('it is gone', () => shells.list().length === 0)
  t.notOk(existsSync(`/proc/${pid}`))
  await fails(t, shell({ resume: true }), 'NotFound', /nobody came back to it for 5 minutes/)
  const listing = hub.open('shells', {})
  t.equal(await textOf(listing.incoming), '')
})

t.test('a shell that may not be left ends with its client, and one may be ended from outside', async t => {
  const { shell, shells, clock, hub } = aDevice(t, 'shell:\n  detachedMinutes: 0\n')
  const gone = new AbortController()
  await shell({ command: ['cat'] }, gone.signal)
  gone.abort()
  await until('nobody is there', () => shells.list()[0]?.isAttached !== true)
  await clock.advance(1)
  await until('it is gone', () => shells.list().length === 0)
  const other = await shell({ session: 'bbbbbbbb', command: ['cat'] })
  const ending = hub.open('shells', { end: 'bbbbbbbb' })
  t.equal(await textOf(ending.incoming), '')
  t.strictSame(await other.result, { exitCode: 129 })
  await fails(t, textOf(hub.open('shells', { end: 'bbbbbbbb' }).incoming), 'NotFound')
})

t.test('a program that does not read what is typed holds up nothing else', async t => {
  const { shell } = aDevice(t, allOn)
  const deaf = await shell({ command: ['sh', '-c', 'stty raw -echo; echo deaf; sleep 1000'] })
  const screen = screenOf(deaf.stdout)
  await until('it is deaf', () => screen.text.includes('deaf'))
  const typing = deaf.stdin.write(Buffer.alloc(200_000, 'x'))
  const other = await shell({ session: 'cccccccc', command: ['echo', 'well'], tty: false })
  t.match(await textOf(other.stdout), 'well')
  deaf.close('enough')
  await typing.catch(() => undefined)
})

t.test('where terminals cannot be made a shell says how to mend it, and commands run', async t => {
  const { shell } = aDevice(t, allOn, {
    loadPty: () => Promise.reject(new Fault('Machine', 'the package cannot be loaded; run: npm install')),
  })
  await fails(t, shell(), 'Machine', /npm install/)
  const command = await shell({ tty: false, stderr: true, command: ['sh', '-c', 'cat; echo err >&2; exit 3'] })
  await command.stdin.write(Buffer.from('in'))
  command.stdin.end()
  t.strictSame(await Promise.all([textOf(command.stdout), textOf(command.stderr)]), ['in', 'err\n'])
  t.strictSame(await command.result, { exitCode: 3 })
})

t.test('a command ends when whoever asked for it is gone', async t => {
  const { shell } = aDevice(t, allOn)
  const gone = new AbortController()
  const command = await shell({ tty: false, command: ['sh', '-c', 'echo $$; sleep 1000 & wait'] }, gone.signal)
  const screen = screenOf(command.stdout)
  const pid = await until('its pid', () => /\d+/.exec(screen.text)?.[0])
  gone.abort()
  await until('it is gone', () => !existsSync(`/proc/${pid}`))
})

t.test('the policy is read anew for each request, and one that is wrong closes every door', async t => {
  const { shell, path, hub } = aDevice(t, 'shell:\n  users: [nobody-here]\n')
  await fails(t, shell(), 'Forbidden', /accounts are: nobody-here \(line 2 of/)
  await fails(t, shell({ user: 'nobody-here' }), 'NotFound', /no account "nobody-here"/)
  writeFileSync(path, 'shell: yes please\n')
  await fails(t, shell(), 'Forbidden', /policy cannot be understood.*line 1/)
  await fails(t, hub.open('journal', { by: 'ann', follow: false }).accepted, 'Forbidden', /cannot be understood/)
})

t.test('files are copied within the folders of the policy, whatever links say', async t => {
  const { folder, hub } = aDevice(t, 'copy:\n  read: [FOLDER/open]\n  write: [FOLDER/open]\n')
  mkdirSync(join(folder, 'open/sub'), { recursive: true })
  writeFileSync(join(folder, 'secret'), 'secret')
  writeFileSync(join(folder, 'open/sub/file'), 'hello')
  symlinkSync('../secret', join(folder, 'open/out'))
  symlinkSync('..', join(folder, 'open/up'))
  const take = (path: string) => hub.open('node-copy-out', { by: 'ann', path })
  const archive = take(join(folder, 'open/sub'))
  const parts: Uint8Array[] = []
  for await (const chunk of archive.incoming) parts.push(chunk)
  for (const [path, reason] of [
    ['secret', 'Forbidden'],
    ['open/out', 'Forbidden'],
    ['open/up/secret', 'Forbidden'],
    ['open/../secret', 'Forbidden'],
    ['open/none', 'NotFound'],
    ['none', 'Forbidden'],
  ] as const)
    await fails(
      t,
      textOf(take(join(folder, '.', path).replace(`${folder}/secret`, `${folder}/open/../${path}`)).incoming),
      reason,
    )

  const put = async (path: string): Promise<void> => {
    const stream = hub.open('node-copy-in', { by: 'ann', path })
    await stream.accepted
    for (const part of parts) await stream.write(part)
    stream.end()
    await textOf(stream.incoming)
  }
  await put(join(folder, 'open/copy'))
  t.equal(readFileSync(join(folder, 'open/copy/file'), 'utf8'), 'hello')
  await put(join(folder, 'open/copy'))
  t.equal(readFileSync(join(folder, 'open/copy/sub/file'), 'utf8'), 'hello')
  for (const path of ['new', 'open/up/new', 'open/up'])
    await fails(t, put(join(folder, path)), 'Forbidden', /not copied to/)
  t.notOk(existsSync(join(folder, 'new')))
})

t.test('a connection is carried both ways, each ended by itself', async t => {
  const server = createServer({ allowHalfOpen: true }, socket => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => socket.end(`got ${text}`))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { hub } = aDevice(t, `forward:\n  - localhost:${port}\n`)
  const open = (host: string, to: number) => hub.open('node-forward', { by: 'ann', host, port: to })
  const stream = open('127.0.0.1', port)
  await stream.accepted
  await stream.write(Buffer.from('words'))
  stream.end()
  t.equal(await textOf(stream.incoming), 'got words')
  await fails(t, open('127.0.0.1', port === 1 ? 2 : 1).accepted, 'Forbidden', /line 1 of/)
  await fails(t, open('10.0.0.1', port).accepted, 'Forbidden')
  const ask = (to: number) => hub.open('node-forward', { by: 'ann', host: 'localhost', port: to, onlyAsk: true })
  t.match(await ask(port).result, { exitCode: 0 }, 'whether it is allowed can be asked')
  await fails(t, ask(port === 1 ? 2 : 1).accepted, 'Forbidden', /line 1 of/)
  server.close()
  await until('it does not listen any more', async () => {
    try {
      const again = open('localhost', port)
      await again.accepted
      again.reset('enough')
      return false
    } catch {
      return true
    }
  })
  await fails(t, open('localhost', port).accepted, 'Unavailable', /no connection from this device/)
  t.match(await ask(port).result, { exitCode: 0 }, 'and asking dials nothing')
})

t.test('the agent’s own log is shown where there is no journal, and followed', async t => {
  const { hub, own, clock } = aDevice(t, 'shell: off\n')
  const line = (text: string): string => `${JSON.stringify({ time: new Date(clock.now()).toISOString(), text })}\n`
  own.write(line('old'))
  await clock.advance(60_000)
  own.write(line('new'))
  const ask = (more: object) => hub.open('journal', { by: 'ann', follow: false, ...more })
  t.match(await textOf(ask({}).incoming), /old[\s\S]*new/)
  t.notMatch(await textOf(ask({ lines: 1 }).incoming), 'old')
  t.notMatch(await textOf(ask({ sinceSeconds: 30 }).incoming), 'old')
  await fails(t, ask({ unit: 'ssh' }).accepted, 'BadRequest', /no journal of systemd/)
  const following = ask({ follow: true, lines: 0 })
  const screen = screenOf(following.incoming)
  await following.accepted
  await settle()
  own.write(line('later'))
  await until('the line', () => screen.text.includes('later'))
  t.notMatch(screen.text, 'new')
  following.reset('enough')
})

t.test('the log of one boot has a bound', async t => {
  const path = join(folderOf(t), 'agent.log')
  const own = ownLog({ path, mostFileBytes: 100 })
  for (let number = 0; number < 50; number += 1) own.write(`line ${number}\n`)
  const lines = await own.lines()
  t.equal(lines.at(-1), 'line 49\n')
  t.ok(lines.join('').length <= 200)
})
