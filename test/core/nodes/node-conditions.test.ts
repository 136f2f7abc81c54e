import t from 'tap'
import { exceptions, nodeMetrics } from '../../../src/core/nodes/metrics.ts'
import { boardConditionTypes, type NodeFindings, nodeConditions } from '../../../src/core/nodes/node-conditions.ts'
import { nodeResources } from '../../../src/core/nodes/node-resources.ts'
import { aMachine } from '../../agent/an-agent.ts'

const found = (change: Partial<NodeFindings> = {}): NodeFindings => ({
  machine: aMachine(),
  engineTrouble: undefined,
  hasObserved: true,
  networkTrouble: undefined,
  networkFlaws: [],
  now: '2026-01-01T00:00:00Z',
  ...change,
})

const shown = (of: NodeFindings) => nodeConditions(of, []).map(one => `${one.type} ${one.status} ${one.reason}`)

t.test('a node that is well', async t => {
  t.strictSame(shown(found()), [
    'Ready True KubeletReady',
    'MemoryPressure False KubeletHasSufficientMemory',
    'DiskPressure False KubeletHasNoDiskPressure',
    'PIDPressure False KubeletHasSufficientPID',
    'NetworkUnavailable False PodNetworkReady',
    'NetworkDegraded False NetworkWhole',
  ])
})

const gibi = 1 << 30
for (const { what, change, condition } of [
  {
    what: 'an engine that is away',
    change: { engineTrouble: 'podman is not installed' },
    condition: 'Ready False ContainerRuntimeNotReady',
  },
  {
    what: 'an engine that was not looked at yet',
    change: { hasObserved: false },
    condition: 'Ready False ContainerRuntimeNotReady',
  },
  {
    what: 'little memory',
    change: { machine: aMachine({ memory: { totalBytes: gibi, availableBytes: 50 << 20 } }) },
    condition: 'MemoryPressure True KubeletHasInsufficientMemory',
  },
  {
    what: 'a full disk',
    change: { machine: aMachine({ disk: { totalBytes: 100, availableBytes: 9, inodes: 100, freeInodes: 100 } }) },
    condition: 'DiskPressure True KubeletHasDiskPressure',
  },
  {
    what: 'a disk without inodes',
    change: { machine: aMachine({ disk: { totalBytes: 100, availableBytes: 90, inodes: 100, freeInodes: 4 } }) },
    condition: 'DiskPressure True KubeletHasDiskPressure',
  },
  {
    what: 'many processes',
    change: { machine: aMachine({ pids: { most: 100, inUse: 91 } }) },
    condition: 'PIDPressure True KubeletHasInsufficientPID',
  },
  {
    what: 'a network in trouble',
    change: { networkTrouble: 'nft is missing' },
    condition: 'NetworkUnavailable True PodNetworkNotReady',
  },
  {
    what: 'a peer that is not reached',
    change: { networkFlaws: ['no route to pi-2'] },
    condition: 'NetworkDegraded True PartOfNetworkNotWell',
  },
  {
    what: 'no memory cgroup',
    change: { machine: aMachine({ hasMemoryCgroup: false }) },
    condition: 'MemoryCgroupMissing True FirmwareSwitchedOff',
  },
  {
    what: 'under-voltage',
    change: { machine: aMachine({ throttled: 0x50005 }) },
    condition: 'UnderVoltage True PowerSupplyTooWeak',
  },
  {
    what: 'throttling',
    change: { machine: aMachine({ throttled: 0x4 }) },
    condition: 'Throttled True FirmwareSlowsDown',
  },
  {
    what: 'under-voltage that is over',
    change: { machine: aMachine({ throttled: 0x50000 }) },
    condition: 'UnderVoltage False PowerSupplyGood',
  },
  {
    what: 'under-voltage that only the kernel’s driver sees',
    change: { machine: aMachine({ isUnderVoltage: true }) },
    condition: 'UnderVoltage True PowerSupplyTooWeak',
  },
  {
    what: 'a card near its end',
    change: { machine: aMachine({ cards: [{ device: 'mmcblk0', lifeUsedPercent: 90, preEol: 1 }] }) },
    condition: 'CardWorn True CardNearItsEnd',
  },
  {
    what: 'a card that is well',
    change: { machine: aMachine({ cards: [{ device: 'mmcblk0', lifeUsedPercent: 10, preEol: 1 }] }) },
    condition: 'CardWorn False CardGood',
  },
  { what: 'heat', change: { machine: aMachine({ temperatureCelsius: 85 }) }, condition: 'HighTemperature True TooHot' },
]) {
  t.test(`${what} is told: ${condition}`, async t => {
    t.ok(shown(found(change)).includes(condition))
  })
}

t.test('what a board cannot say is no condition of it', async t => {
  const types = shown(found({ machine: aMachine({ cards: [{ device: 'mmcblk0', writtenBytes: 1 }] }) })).join()
  for (const type of boardConditionTypes) t.notOk(types.includes(type), type)
})

t.test('a condition keeps the time of its last change', async t => {
  const first = nodeConditions(found(), [])
  const later = nodeConditions(found({ now: '2026-01-02T00:00:00Z', networkTrouble: 'x' }), first)
  const of = (type: string) => later.find(one => one.type === type)
  t.match(of('Ready'), { lastTransitionTime: '2026-01-01T00:00:00Z', lastHeartbeatTime: '2026-01-02T00:00:00Z' })
  t.match(of('NetworkUnavailable'), { lastTransitionTime: '2026-01-02T00:00:00Z' })
})

t.test('a board keeps some memory and disk for itself', async t => {
  const { capacity, allocatable } = nodeResources(aMachine())
  t.strictSame(capacity, { cpu: '4', pods: '110', memory: '1048576Ki', 'ephemeral-storage': '9765625Ki' })
  t.equal(allocatable.memory, `${1_048_576 - 102_400}Ki`)
  const tiny = nodeResources(aMachine({ memory: { totalBytes: 256 << 20, availableBytes: 0 } }))
  t.equal(tiny.allocatable.memory, `${Math.floor((256 * 1024 * 4) / 5)}Ki`)
})

t.test('a value is sent when it has left its deadband', async t => {
  const sent = { cpu_percent: 10, memory_used_bytes: 1000, pods_running: 2 }
  t.strictSame(exceptions(nodeMetrics, sent, { cpu_percent: 12, memory_used_bytes: 1050, pods_running: 2 }), {})
  t.strictSame(exceptions(nodeMetrics, sent, { cpu_percent: 12.1, memory_used_bytes: 1051, pods_running: 3 }), {
    cpu_percent: 12.1,
    memory_used_bytes: 1051,
    pods_running: 3,
  })
  t.strictSame(exceptions(nodeMetrics, {}, { cpu_percent: 0, unknown: 1 }), { cpu_percent: 0 })
})
