import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')
const { readPage, startFleet, until } = await import('./kit.ts')
const { startTmux } = await import('../support/tmux.ts')
const { startChild } = await import('../../scripts/quickstart/child.ts')

/*
 *   dunlin ── hub ══ MQTT, port 8883 alone ══ router (NAT) ── node "attic" ── Podman ── pod
 */

const fleet = await startFleet(world)
t.teardown(() => fleet.close())
// It joins by the API port, as every device; then the network around it changes.
const attic = await fleet.addNode('attic', [], { allowShell: true }, { nat: [6443, 8883] })
await fleet.mustDunlin(
  ['apply', '-f', '-', '--wait'],
  `
apiVersion: v1
kind: Pod
metadata: { name: tools }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: tools
      image: localhost/dunlin/tools:1
      imagePullPolicy: Never
      command: [sh, -c, 'i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 0.5; done']
`,
)
await attic.machine.setReachable([8883])
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const only = /reaches only the MQTT port of its hub/

t.test('the API port is closed to the node, and its agent, started anew, connects by MQTT', async t => {
  const { code } = await attic.machine.exec(['curl', '-skm2', `https://${fleet.lan.address}:6443/livez`])
  t.not(code, 0)
  await attic.killAgent()
  attic.startAgent()
  await until('the agent’s word', () => /linked|connected/.test(attic.agent().output()) || undefined)
})

t.test('logs come through the tunnel, also followed', async t => {
  t.match(await fleet.mustDunlin(['logs', 'tools']), /^tick 1\ntick 2\n/)
  t.match(attic.agent().output(), 'sessions go through a tunnel')
  const log = join(world.folder, 'followed.log')
  const words = ['logs', '-f', 'tools', '--tail', '1', '--kubeconfig', fleet.kubeconfig]
  const following = startChild('logs', words, log, main)
  await until('five lines', () => (following.tail().match(/^tick \d+$/gm) ?? []).length > 5 || undefined)
  await following.stop(10_000)
})

t.test('a shell of the device comes through it, with a terminal and without', async t => {
  t.match(await fleet.dunlin(['shell', 'attic', '--', 'sh', '-c', 'hostname; echo err >&2; exit 7']), {
    code: 7,
    output: /attic\n[\s\S]*err/,
  })
  const terminal = await startTmux({
    socket: join(world.folder, 'shell.sock'),
    words: [process.execPath, '--disable-warning=ExperimentalWarning', main, 'shell', 'attic'],
    env: { KUBECONFIG: fleet.kubeconfig },
    columns: 80,
    rows: 24,
  })
  t.teardown(() => terminal.close())
  await terminal.type('PS1="far> "; clear; hostname; stty size')
  await terminal.keys('Enter')
  await terminal.shows(/^attic\n24 80\nfar>/m)
  t.match(await fleet.dunlin(['logs', 'tools']), { code: 1, output: /one log or command at a time: end the other/ })
  await terminal.type('exit')
  await terminal.keys('Enter')
})

t.test('commands in pods come through it; what is large says which port to open', async t => {
  t.match(await fleet.mustDunlin(['exec', 'tools', '--', 'echo', 'hello']), 'hello')
  const file = join(world.folder, 'file')
  writeFileSync(file, 'x')
  for (const words of [
    ['cp', file, 'tools:/tmp/file'],
    ['cp', 'tools:/bin/busybox', world.folder],
    ['cp', file, 'node/attic:/tmp/file'],
    ['cp', 'node/attic:/etc/hostname', world.folder],
  ])
    t.match(await fleet.dunlin(words), { code: 3, output: only }, words.join(' '))
  for (const [port, target] of [
    ['18003', 'tools'],
    ['18004', 'node/attic'],
  ] as const) {
    const words = ['port-forward', target, `${port}:80`, '--kubeconfig', fleet.kubeconfig]
    const forward = startChild(`forward-${port}`, words, join(world.folder, `forward-${port}.log`), main)
    await until('a refusal', async () => {
      await readPage(`http://127.0.0.1:${port}/`).catch(() => undefined)
      return only.test(forward.tail()) || undefined
    })
    await forward.stop(10_000)
  }
})
