import t from 'tap'
import type { MachineFacts } from '../../src/cli/doctor/facts.ts'
import { judgeMachine } from '../../src/cli/doctor/judge.ts'

const aBoard: MachineFacts = {
  platform: 'linux',
  arch: 'arm64',
  kernel: '6.12.0',
  isRoot: true,
  nodeVersion: '24.0.0',
  memoryBytes: 1024 ** 3,
  diskFreeBytes: 8 * 1024 ** 3,
  now: Date.UTC(2026, 5, 1),
  tools: {
    podman: 'podman version 4.3.1',
    conmon: '2.1.6',
    nft: 'nftables v1.0.6',
    ip: 'ip utility',
    conntrack: 'v1.4.7',
  },
  hasMemoryCgroup: true,
  cgroupVersion: 2,
  nftWorks: true,
  hasBridge: true,
  throttled: 0,
}

t.test('a board that is fine is told to be fine', async t => {
  t.strictSame(
    judgeMachine(aBoard).filter(one => one.verdict !== 'ok'),
    [],
  )
})

t.test('each fault is named with the one thing that mends it', async t => {
  for (const [change, what, verdict, mend] of [
    [{ isRoot: false }, 'rights', 'wrong', 'sudo'],
    [{ tools: { ...aBoard.tools, podman: undefined } }, 'podman', 'wrong', 'apt-get install podman'],
    [{ hasMemoryCgroup: false }, 'memory limits', 'wrong', 'cgroup_enable=memory'],
    [{ now: 0 }, 'clock', 'warning', 'timedatectl'],
    [{ diskFreeBytes: 1024 }, 'disk', 'wrong', 'half a gigabyte'],
    [{ throttled: 0x50005 }, 'power', 'wrong', 'stronger supply'],
    [{ throttled: 0x50000 }, 'power', 'warning', 'stronger supply'],
    [{ arch: 'mips' }, 'system', 'wrong', 'arm64'],
    [{ nftWorks: false }, 'nftables', 'warning', 'modprobe'],
  ] as const) {
    const found = judgeMachine({ ...aBoard, ...change }).filter(one => one.verdict !== 'ok')
    t.equal(found.length, 1, what)
    t.match(found[0], { what, verdict, mend: new RegExp(mend) })
  }
})
