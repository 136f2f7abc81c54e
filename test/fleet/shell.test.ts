import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { readPage, startFleet, until } = await import('./kit.ts')
const { startTmux } = await import('../support/tmux.ts')
const { startChild } = await import('../../scripts/quickstart/child.ts')

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
const barn = await fleet.addNode('barn', [], { allowShell: true })
const policy = join(barn.machine.disk, 'agent', 'policy.yaml')
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = join(world.folder, 'copies')
mkdirSync(folder)

await fleet.mustDunlin(
  ['apply', '-f', '-', '--wait'],
  `
apiVersion: v1
kind: Pod
metadata: { name: tools, labels: { app: tools } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: tools
      image: localhost/dunlin/tools:1
      imagePullPolicy: Never
      command: [sh, -c, 'echo up; mkdir -p /www && echo page > /www/index.html && exec httpd -f -p 127.0.0.1:8080 -h /www']
`,
)

const program = [process.execPath, '--disable-warning=ExperimentalWarning', main]

/** A command of the CLI in a terminal. */
const inTerminal = async (name: string, words: readonly string[]) => {
  const terminal = await startTmux({
    socket: join(world.folder, `${name}.sock`),
    // The shell around it says how it ended, and keeps the screen.
    words: ['sh', '-c', '"$@"; echo "ended with $?"; exec sleep 1000', 'sh', ...program, ...words],
    env: { KUBECONFIG: fleet.kubeconfig },
    columns: 80,
    rows: 24,
  })
  t.teardown(() => terminal.close())
  return terminal
}
type Terminal = Awaited<ReturnType<typeof inTerminal>>

const line = async (terminal: Terminal, text: string): Promise<void> => {
  await terminal.type(text)
  await terminal.keys('Enter')
}

const ended = (code: number): RegExp => new RegExp(`^ended with ${code}$`, 'm')

t.test('bash with job control, colours, signals and a change of size behaves on the device', async t => {
  const terminal = await inTerminal('bash', ['shell', 'barn', '-t', '--', 'bash', '--norc', '-i'])
  await terminal.shows(/bash-[\d.]+[#$]/)
  await line(terminal, 'PS1="barn> "; clear; hostname; tty; stty size')
  await terminal.shows(/^barn\n\/dev\/pts\/\d+\n24 80\nbarn>/m)

  // Its word says that it is in the foreground: a key before that is the shell's.
  await line(terminal, `sh -c 'echo run""ning; exec sleep 1000'`)
  await terminal.shows(/^running/m)
  await terminal.keys('C-z')
  await terminal.shows(/\[1\]\+\s+Stopped/)
  await line(terminal, 'bg; jobs')
  await terminal.shows(/\[1\]\+\s+Running/)
  await line(terminal, `kill %1; wait; clear; sh -c 'echo sleep""ing; exec sleep 1000'`)
  await terminal.shows(/^sleeping/m)
  await terminal.keys('C-c')
  await line(terminal, 'echo code $?')
  await terminal.shows(/^code 130/m)

  // A character, and a byte that is none.
  await line(terminal, `clear; printf '\\033[31mred\\033[0m \\303\\251 \\377 end\\n'`)
  await terminal.shows(/^red é .* ?end/m)
  t.match(await terminal.screen(true), '\u001b[31mred')

  await terminal.resize(100, 30)
  await line(terminal, 'clear; until [ "$(stty size)" = "30 100" ]; do sleep 0.1; done; echo wi""der')
  await terminal.shows(/^wider/m)

  await line(terminal, 'exit 7')
  await terminal.shows(ended(7))
})

t.test('an editor and top fill the screen, on the device and in a container', async t => {
  for (const [name, words, command] of [
    ['edit', ['shell', 'barn', '-t', '--', 'vi', '-u', 'NONE', join(folder, 'edited')], /^written by hand/m],
    ['edit-pod', ['exec', '-it', 'tools', '--', 'busybox', 'vi', '/tmp/edited'], /^- \/tmp\/edited/m],
  ] as const) {
    const terminal = await inTerminal(name, words)
    await terminal.shows(/^~\n~\n~/m)
    await terminal.keys('i')
    await terminal.type('written by hand')
    await terminal.shows(/^written by hand/m)
    await terminal.keys('Escape')
    // What follows at once could be taken for the rest of a key.
    await terminal.shows(command)
    await terminal.resize(90, 20)
    await line(terminal, ':wq')
    await terminal.shows(ended(0))
  }
  t.equal(readFileSync(join(folder, 'edited'), 'utf8'), 'written by hand\n')
  t.match(await fleet.mustDunlin(['exec', 'tools', '--', 'cat', '/tmp/edited']), 'written by hand')

  for (const [name, words, shown] of [
    ['top', ['shell', 'barn', '-t', '--', 'top', '-d', '0.5'], /PID USER[\s\S]*\btop\b/],
    ['top-pod', ['exec', '-it', 'tools', '--', 'busybox', 'top', '-d', '1'], /PID\s+PPID[\s\S]*httpd/],
  ] as const) {
    const terminal = await inTerminal(name, words)
    await terminal.shows(shown)
    await terminal.keys('q')
    await terminal.shows(ended(0))
  }
})

t.test('a shell that was left, or whose client vanished, is there for whoever comes back, and is recorded', async t => {
  const recording = join(folder, 'barn.cast')
  const first = await inTerminal('first', ['shell', 'barn', '--record', recording])
  await line(first, 'PS1="left> "; clear; echo one $((40+2))')
  await first.shows(/^one 42\nleft>/m)
  await first.keys('C-]')
  await first.type('d')
  const said = await first.shows(/Left\. Back with: dunlin shell barn --session [a-z0-9]+/)
  const session = /--session ([a-z0-9]+)/.exec(said)?.[1] ?? ''
  await until(
    'the list shows it as left',
    async () =>
      new RegExp(`${session}\\s+shell\\s+node/barn\\s+admin\\s+Left, 30m more`).test(
        await fleet.mustDunlin(['sessions']),
      ) || undefined,
  )
  const [header = '', ...events] = readFileSync(recording, 'utf8').trimEnd().split('\n')
  t.match(JSON.parse(header), { version: 2, width: 80, height: 24, title: 'node/barn' })
  t.match(events.map(one => String(JSON.parse(one)[2])).join(''), 'one 42')

  const second = await inTerminal('second', ['shell', 'barn', '--session', session])
  await second.shows(/^one 42\nleft>/m)
  await line(second, 'x=still; echo second')
  await second.shows(/^second/m)
  // The client is gone without a word.
  await second.close()

  const third = await inTerminal('third', ['shell', 'barn', '--session', session])
  await line(third, 'clear; echo $x here')
  await third.shows(/^still here/m)
  await fleet.mustDunlin(['sessions', 'end', session])
  // Its program's end by SIGHUP, or the end of the session: whichever the hub hears of first.
  await third.shows(/^ended with 1$/m)
  const { code, output } = await fleet.dunlin(['sessions', 'end', session, '--node', 'barn'])
  t.equal(code, 1)
  t.match(output, `this device has no shell ${session}`)
})

t.test('a command without a terminal has its own outputs, input and exit code', async t => {
  const { code, output } = await fleet.dunlin(
    ['shell', 'barn', '--', 'sh', '-c', 'cat; echo "$USER $0" >&2; exit 5', 'zero'],
    'in',
  )
  t.equal(code, 5)
  t.equal(output, 'inroot zero\n')
  const missing = await fleet.dunlin(['shell', 'barn', '--', 'no-such-program'])
  t.match(missing, { code: 1, output: /this device has no program no-such-program/ })
})

t.test('files of the device are copied both ways, and no link leads out of a folder', async t => {
  writeFileSync(join(folder, 'here'), 'x'.repeat(3_000_000))
  await fleet.mustDunlin(['cp', join(folder, 'here'), `node/barn:${folder}/there`])
  t.ok(readFileSync(join(folder, 'here')).equals(readFileSync(join(folder, 'there'))))
  mkdirSync(join(folder, 'tree/sub'), { recursive: true })
  writeFileSync(join(folder, 'tree/sub/file'), 'deep')
  symlinkSync('/etc/shadow', join(folder, 'tree/out'))
  symlinkSync('sub', join(folder, 'tree/in'))
  const { output } = await fleet.dunlin(['cp', `node/barn:${folder}/tree`, join(folder, 'copy')])
  t.match(output, /left out 1: tree\/out: a link that may lead out/)
  t.equal(readFileSync(join(folder, 'copy/in/file'), 'utf8'), 'deep')
  t.notOk(existsSync(join(folder, 'copy/out')))
  t.match(await fleet.dunlin(['cp', `node/barn:${folder}/none`, folder]), { code: 1, output: /this device has no/ })
  await fleet.mustDunlin(['cp', join(folder, 'copy'), 'tools:/tmp/tree'])
  t.match(await fleet.mustDunlin(['exec', 'tools', '--', 'cat', '/tmp/tree/sub/file']), 'deep')
  await fleet.mustDunlin(['cp', 'tools:/www', join(folder, 'www')])
  t.equal(readFileSync(join(folder, 'www/index.html'), 'utf8'), 'page\n')
})

t.test('the device’s policy decides what the hub may not: the refusal names the line', async t => {
  const listening = createServer(socket => socket.end('HTTP/1.0 200 OK\r\n\r\nof the LAN'))
  await new Promise<void>(resolve => listening.listen(8099, fleet.lan.address, resolve))
  t.teardown(() => listening.close())
  const forward = (port: number, target: string) =>
    startChild(
      `forward-${port}`,
      ['port-forward', 'node/barn', `${port}:${target}`, '--kubeconfig', fleet.kubeconfig],
      join(world.folder, `forward-${port}.log`),
      main,
    )
  writeFileSync(
    policy,
    `shell:\n  commands: [id]\njournal: on\ncopy:\n  read: [${folder}/tree]\nforward:\n  - ${fleet.lan.address}:8099\n`,
  )
  const lan = forward(18_001, `${fleet.lan.address}:8099`)
  t.equal(await until('the page of the LAN', () => readPage('http://127.0.0.1:18001/')), 'of the LAN')
  await lan.stop(10_000)
  const closed = await fleet.dunlin(['port-forward', 'node/barn', '18002:127.0.0.1:22'])
  t.match(closed, { code: 4, output: /127.0.0.1:22 is not among the targets .*line 6 of/ })
  t.notMatch(closed.output, 'Forwarding from', 'nothing is offered that leads nowhere')

  t.match(await fleet.mustDunlin(['shell', 'barn', '--', 'id']), 'uid=0')
  for (const [words, output] of [
    [['shell', 'barn', '--', 'bash'], /not "bash" is allowed; the commands are: id \(line 2 of/],
    [['cp', 'node/barn:/etc/hostname', folder], /\/etc\/hostname is not copied from .*line 5 of/],
    [['cp', `node/barn:${folder}/tree/out`, folder], /\/etc\/shadow is not copied from .*line 5 of/],
    [['cp', join(folder, 'here'), `node/barn:${folder}/x`], /nothing is copied to this device \(line 4 of/],
  ] as const)
    t.match(await fleet.dunlin(words), { code: 4, output })
  t.match(await fleet.mustDunlin(['journal', 'barn', '--lines', '5']), '"part":"agent"')

  writeFileSync(policy, 'shell: off\n')
  t.match(await fleet.dunlin(['shell', 'barn', '--', 'id']), {
    code: 4,
    output: /no shell is allowed .*line 1 of .*shell: off/,
  })
  writeFileSync(policy, 'shel: off\n')
  t.match(await fleet.dunlin(['journal', 'barn']), {
    code: 4,
    output: /policy cannot be understood, so nothing is allowed/,
  })
})

t.test('every session is in the record: who, what, where, how long, how many bytes and how it ended', async t => {
  const record = readFileSync(join(fleet.hubFolder, 'audit/sessions.jsonl'), 'utf8')
  const entries = record
    .trimEnd()
    .split('\n')
    .map(one => JSON.parse(one))
  t.match(
    entries.find(one => one.event === 'ended' && one.detail?.includes('bash --norc')),
    { user: 'admin', what: 'shell', node: 'barn', outcome: 'exit code 7', seconds: Number, bytesToNode: Number },
  )
  t.match(
    entries.find(one => one.event === 'ended' && one.what === 'exec' && one.detail === 'cat /tmp/edited'),
    { pod: 'tools', namespace: 'default', container: 'tools', bytesFromNode: 16, outcome: 'exit code 0' },
  )
  t.ok(entries.some(one => one.what === 'copy' && one.bytesToNode > 3_000_000))
  t.ok(entries.some(one => one.event === 'ended' && /no shell is allowed/.test(one.outcome)))
  const open = entries.filter(one => one.event === 'started').map(one => one.session)
  const over = entries.filter(one => one.event === 'ended').map(one => one.session)
  t.strictSame(
    open.filter(one => !over.includes(one)),
    [],
  )
})
