import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, hostname, networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { hostAddresses, machineIdentity } from '../../../src/agent/node/machine-identity.ts'
import { isInner, readMachine, trafficOf } from '../../../src/agent/node/read-machine.ts'

t.test('what is read is what the machine says', async t => {
  const machine = await readMachine({ stateFolder: tmpdir() })
  const free = execFileSync('free', ['-b'], { encoding: 'utf8' })
  t.equal(machine.memory.totalBytes, Number(/^Mem:\s+(\d+)/m.exec(free)?.[1]))
  t.equal(machine.cpus, availableParallelism())
  const df = execFileSync('df', ['-B1', '--output=size', tmpdir()], { encoding: 'utf8' })
  t.equal(machine.disk.totalBytes, Number(df.split('\n')[1]))
  t.equal(machine.pids.most <= Number(await readFile('/proc/sys/kernel/pid_max', 'utf8')), true)
  t.ok(machine.pids.inUse > 0 && machine.cpuNanos > 0 && machine.uptimeSeconds > 0)
})

t.test('who the machine is', async t => {
  const identity = await machineIdentity()
  t.equal(identity.hostname, hostname())
  t.match(identity.bootID, /^[0-9a-f-]{36}$/)
  t.match(identity.kernelVersion, /^\d+\.\d+/)
  t.ok(['amd64', 'arm64', 'arm'].includes(identity.architecture))
})

t.test('addresses are those of interfaces that lead out', async t => {
  const all = Object.values(networkInterfaces()).flatMap(list => (list ?? []).map(one => one.address))
  for (const address of await hostAddresses()) {
    t.ok(all.includes(address))
    t.notMatch(address, /^127\./)
  }
})

/** A machine of files. */
const folderOf = async (
  t: { teardown(act: () => Promise<void>): void },
  files: { readonly [path: string]: string },
) => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-machine-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return await readMachine({ stateFolder: tmpdir(), root })
}

t.test('a Raspberry Pi tells its temperature and its throttling', async t => {
  const machine = await folderOf(t, {
    '/sys/class/thermal/thermal_zone0/temp': '48312\n',
    '/sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
    '/proc/meminfo': 'MemTotal:         948304 kB\nMemAvailable:     600000 kB\n',
    '/proc/cgroups': '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\n',
  })
  t.match(machine, { temperatureCelsius: 48.3, throttled: 0x50005, hasMemoryCgroup: false })
  t.equal(machine.memory.totalBytes, 948_304 * 1024)
})

t.test('the memory cgroup is seen in both layouts', async t => {
  t.equal(
    (await folderOf(t, { '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n' })).hasMemoryCgroup,
    true,
  )
  t.equal((await folderOf(t, { '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io pids\n' })).hasMemoryCgroup, false)
  t.equal((await folderOf(t, { '/proc/cgroups': 'memory\t11\t90\t1\n' })).hasMemoryCgroup, true)
})

t.test('traffic is that of interfaces that lead out', async t => {
  const dev = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0',
    '  eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0',
    'dunlin0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0',
    'dl0123456789ab: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0',
    'wlan0:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0',
  ].join('\n')
  t.strictSame(trafficOf(dev), { receivedBytes: 1007, sentBytes: 2008 })
  t.ok(isInner('veth12') && isInner('dunlin0') && !isInner('eth0') && !isInner('wlan0') && !isInner('dlink0'))
})
