import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { containersConf, storageConf } from '../../src/runtime-podman/engine/configuration.ts'
import { type MachineFacts, readMachineFacts } from '../../src/runtime-podman/engine/facts.ts'
import { onDemandService, serviceCommand } from '../../src/runtime-podman/engine/service.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { cardStore, enginePaths, memoryStore } from '../../src/runtime-podman/settings.ts'

const settings = (folder: string, podman?: string) => ({
  engine: { stateFolder: `${folder}/state`, ...(podman === undefined ? {} : { podman }) },
  runFolder: `${folder}/run`,
  logFolder: `${folder}/logs`,
  storeMode: 'disk' as const,
  clock: systemClock,
  log: silentLog,
})

const facts = (change: Partial<MachineFacts> = {}): MachineFacts => ({
  hasSystemd: false,
  cgroups: 'v1',
  hasSysResource: true,
  hasMemoryCgroup: true,
  hasSwapCgroup: true,
  hardLimits: { files: 20_000, processes: Number.POSITIVE_INFINITY },
  oomScoreAdj: 0,
  programs: {},
  fingerprint: '',
  ...change,
})

t.test('where Podman is missing, it says so and what to install', async t => {
  const runtime = podmanRuntime({ ...settings(t.testdir({}), '/nowhere/podman'), runFolder: '/nowhere/run' })
  await t.rejects(runtime.observe(), /\/nowhere\/podman is not installed: install Debian's package podman/)
  await runtime.close()
})

t.test('a run folder that is too long for a socket is named', async t => {
  const runtime = podmanRuntime({ ...settings(t.testdir({})), runFolder: `/run/${'x'.repeat(100)}` })
  await t.rejects(runtime.describe(), /is too long for a socket in it .* choose a shorter one/)
  await runtime.close()
})

t.test('a program that is not Podman is named with its last words', async t => {
  const folder = t.testdir({})
  const store = cardStore({ engine: { stateFolder: folder }, runFolder: folder }, 'overlay')
  const start = onDemandService({
    podman: '/bin/sh',
    store: { ...store, socket: `${folder}/podman.sock` },
    env: { PATH: '/bin:/usr/bin' },
    hasSystemd: false,
  })
  await t.rejects(
    start(),
    /\/bin\/sh system service did not start \(it ended with 2\): .*Is Podman 4\.3 or later installed/s,
  )
})

t.test('limits are as high as the machine lets us go', async t => {
  const paths = enginePaths(settings('/x'))
  const found = { ociRuntime: 'runc', ociRuntimePath: '/usr/sbin/runc' }
  t.match(containersConf(found, facts(), paths), '"nofile=1048576:1048576", "nproc=1048576:1048576"')
  t.match(
    containersConf(found, facts({ hasSysResource: false }), paths),
    '"nofile=20000:20000", "nproc=1048576:1048576"',
  )
  t.matchSnapshot(containersConf(found, facts({ hasSysResource: false }), paths))
})

t.test('the store in memory reads the images of the one on the card, and shares no folder with it', async t => {
  const of = settings('/x')
  const [card, memory] = [cardStore(of, 'overlay'), memoryStore(of)]
  t.matchSnapshot(storageConf(memory, 'overlay', card))
  const own = [memory.graphRoot, memory.runRoot, memory.tmpDir, memory.socket, memory.storageConf]
  t.notOk(own.some(path => [card.graphRoot, card.runRoot, card.tmpDir, card.socket, card.storageConf].includes(path)))
})

t.test('under systemd the service has a unit of its own, whose stop ends no container', async t => {
  const of = {
    podman: '/usr/bin/podman',
    store: cardStore(settings('/x'), 'overlay'),
    env: { HOME: '/x/state/home' },
  }
  t.matchSnapshot(serviceCommand({ ...of, hasSystemd: true }))
  t.matchSnapshot(serviceCommand({ ...of, hasSystemd: false }))
})

t.test('the facts of this machine are read', async t => {
  const read = readMachineFacts(['sh', 'no-such-program'])
  t.equal(read.cgroups, existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1')
  t.ok(read.hardLimits.files > 0)
  t.match(Object.keys(read.programs), ['sh'])
  const status = readFileSync('/proc/self/status', 'utf8')
  const bits = BigInt(`0x${/CapEff:\s*(\w+)/.exec(status)?.[1]}`)
  t.equal(read.hasSysResource, (bits & (1n << 24n)) !== 0n)
  t.equal(readMachineFacts(['sh']).fingerprint, readMachineFacts(['sh']).fingerprint)
})
