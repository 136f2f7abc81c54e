import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { helloArchive } from '../../scripts/images.ts'
import { lan } from './node.ts'
import { ownWorld } from './own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

const net = await lan(world)
t.teardown(() => net.close())

t.test('nodes of a LAN reach each other and the test, and have names, mounts and processes of their own', async t => {
  const a = await net.startNode({ name: 'a', resolvConf: 'nameserver 192.168.50.1' })
  const b = await net.startNode({ name: 'b' })
  t.equal((await a.exec(['hostname'])).output, 'a\n')
  t.equal((await a.exec(['cat', '/etc/resolv.conf'])).output, 'nameserver 192.168.50.1\n')
  for (const address of [b.address, net.address])
    t.match(await a.exec(['busybox', 'ping', '-c', '1', '-W', '2', address]), { code: 0 })
  writeFileSync('/run/mine', '')
  t.notMatch((await a.exec(['ls', '/run'])).output, 'mine')
  t.match((await b.exec(['ls', '/sys/class/net'])).output, /eth0/)
  t.match(Number((await a.exec(['sh', '-c', 'ls -d /proc/[0-9]* | wc -l'])).output) < 10, true)
})

t.test('a loss of power ends every process and keeps the disk', async t => {
  const [a] = net.nodes
  if (a === undefined) throw new Error('no node')
  const sleeper = a.spawn(['sleep', '1000'])
  await a.exec(['sh', '-c', `echo kept > ${a.disk}/file; echo lost > /run/file`])
  await a.powerOff()
  t.not(await sleeper.exited, 0)
  t.equal(a.isOn, false)
  await a.powerOn()
  t.equal(readFileSync(`${a.disk}/file`, 'utf8'), 'kept\n')
  t.match(await a.exec(['cat', '/run/file']), { code: 1 })
  t.match(await a.exec(['busybox', 'ping', '-c', '1', '-W', '2', net.address]), { code: 0 })
})

t.test('a cable that is out cuts the node off', async t => {
  const [a] = net.nodes
  if (a === undefined) throw new Error('no node')
  await a.setLink('down')
  t.match(await a.exec(['busybox', 'ping', '-c', '1', '-W', '1', net.address]), { code: 1 })
  await a.setLink('up')
  t.match(await a.exec(['busybox', 'ping', '-c', '5', '-W', '2', net.address]), { code: 0 })
})

t.test('a spawned program is signalled itself', async t => {
  const [a] = net.nodes
  if (a === undefined) throw new Error('no node')
  const shell = a.spawn(['sh', '-c', "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"], {
    FOO: 'x',
  })
  for (let tries = 0; tries < 3000 && !shell.output().includes('up'); tries += 1)
    await new Promise(resolve => setTimeout(resolve, 20))
  shell.kill('SIGTERM')
  t.equal(await shell.exited, 3)
  t.equal(shell.output(), 'up\nbye\n')
})

const root = new URL('../../src/', import.meta.url).href
const program = `${world.folder}/run-hello.mjs`
writeFileSync(`${world.folder}/hello.tar`, helloArchive())
writeFileSync(
  program,
  `
import { podmanRuntime } from '${root}runtime-podman/podman-runtime.ts'
import { systemClock } from '${root}lib/clock.ts'
import { silentLog } from '${root}lib/log.ts'
import { aContainer, aSandbox } from '${new URL('../fakes/container-spec.ts', import.meta.url).href}'
const [disk, cgroupParent, storeMode, deed] = process.argv.slice(2)
const runtime = podmanRuntime({ engine: { stateFolder: disk + '/engine', cgroupParent }, runFolder: '/run/dunlin', logFolder: disk + '/logs', storeMode, clock: systemClock, log: silentLog })
if (deed === 'load') await runtime.loadImage('${world.folder}/hello.tar')
if (deed === 'clear') await runtime.removeContainer(aContainer())
if (deed !== 'look') {
  await runtime.makeSandbox(aSandbox())
  await runtime.createContainer(aContainer())
  await runtime.startContainer(aContainer())
}
const pods = await runtime.observe()
console.log(pods.map(pod => (pod.sandbox ? 'whole ' : 'bare ') + pod.containers.map(one => one.state)).join() || 'nothing')
await runtime.close()
`,
)

for (const storeMode of ['disk', 'memory'])
  t.test(
    `two nodes run containers beside each other, with their store on ${storeMode}, and again after a loss of power`,
    async t => {
      const fresh = await Promise.all(['x', 'y'].map(name => net.startNode({ name: `${storeMode}-${name}` })))
      const [x] = fresh
      if (x === undefined) throw new Error('no node')
      const on = async (node: (typeof fresh)[number], deed: string): Promise<string> => {
        const words = [process.execPath, program, node.disk, node.cgroupParent, storeMode, deed]
        const result = await node.exec(words, { timeoutMs: 60_000 })
        return result.code === 0 ? result.output.trim() : `${result.code}: ${result.output}`
      }
      t.strictSame(await Promise.all(fresh.map(node => on(node, 'load'))), ['whole running', 'whole running'])
      const cgroup = `/sys/fs/cgroup${existsSync('/sys/fs/cgroup/pids') ? '/pids' : ''}${x.cgroupParent}`
      t.ok(existsSync(cgroup))
      await x.powerOff()
      t.notOk(existsSync(cgroup))
      await x.powerOn()
      // The engine on the card remembers the container but not how it ended; the one in memory knows nothing.
      t.equal(await on(x, 'look'), storeMode === 'disk' ? 'bare created' : 'nothing')
      t.equal(await on(x, 'clear'), 'whole running')
      t.equal(await on(fresh[1] ?? x, 'look'), 'whole running')
    },
  )
