import { randomBytes } from 'node:crypto'
import t from 'tap'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import type { MachineFacts } from '../../src/cli/doctor/facts.ts'
import { machineFacts } from '../../src/cli/doctor/facts.ts'
import { type HubFacts, hubFacts } from '../../src/cli/doctor/hub-facts.ts'
import { judgeMachine } from '../../src/cli/doctor/judge.ts'
import { judgeHub } from '../../src/cli/doctor/judge-hub.ts'
import { formatJoinToken, parseJoinToken } from '../../src/wire/join-token.ts'
import { aHub } from '../hub/identity/a-hub.ts'

const aBoard: MachineFacts = {
  platform: 'linux',
  arch: 'arm64',
  machine: 'aarch64',
  kernel: '6.12.0',
  isRoot: true,
  nodeVersion: '24.0.0',
  memoryBytes: 1024 ** 3,
  diskFreeBytes: 8 * 1024 ** 3,
  now: Date.UTC(2026, 5, 1),
  tools: {
    podman: 'podman version 4.3.1',
    conmon: 'conmon version 2.1.6',
    nft: 'nftables v1.0.6 (Lester Gooch #5)',
    ip: 'ip utility, iproute2-6.1.0',
    conntrack: 'conntrack v1.4.7 (conntrack-tools)',
  },
  hasMemoryCgroup: true,
  cgroupVersion: 2,
  nftWorks: true,
  hasBridge: true,
  board: { throttled: 0, cards: [{ device: 'mmcblk0', lifeUsedPercent: 10 }] },
  cardNames: { mmcblk0: 'SC16G of SanDisk' },
  supplyMilliamps: 5000,
  kernelWords: 'console=tty1 root=/dev/mmcblk0p2 rootwait',
  cmdlinePlace: '/boot/firmware/cmdline.txt',
  cmdlineText: 'console=tty1 root=/dev/mmcblk0p2 rootwait\n',
}

t.test('a board that is fine is told to be fine', async t => {
  t.strictSame(
    judgeMachine(aBoard).filter(one => one.verdict !== 'ok'),
    [],
  )
})

const worn = { throttled: 0, cards: [{ device: 'mmcblk0', preEol: 3 }] }

t.test('each fault is named with the one thing that mends it', async t => {
  for (const [change, what, verdict, mend] of [
    [{ isRoot: false }, 'rights', 'wrong', /sudo/],
    [{ tools: { ...aBoard.tools, podman: undefined } }, 'podman', 'wrong', /^apt-get install podman$/],
    [{ tools: { ...aBoard.tools, nft: undefined } }, 'nft', 'wrong', /^apt-get install nftables$/],
    [{ tools: { ...aBoard.tools, podman: 'podman version 3.0.1' } }, 'podman', 'wrong', /Debian 12/],
    [{ tools: { ...aBoard.tools, conmon: 'conmon version 2.0.25' } }, 'conmon', 'wrong', /Debian 12/],
    [
      { hasMemoryCgroup: false },
      'memory limits',
      'wrong',
      /^sed -i '1s\/\$\/ cgroup_enable=memory\/' \/boot\/firmware\/cmdline\.txt && reboot$/,
    ],
    [{ hasMemoryCgroup: false, cmdlinePlace: undefined }, 'memory limits', 'wrong', /boot loader/],
    [{ hasMemoryCgroup: false, cmdlineText: 'a cgroup_enable=memory' }, 'memory limits', 'wrong', /^reboot$/],
    [{ hasMemoryCgroup: false, kernelWords: 'cgroup_enable=memory' }, 'memory limits', 'wrong', /full-upgrade/],
    [{ now: 0 }, 'clock', 'warning', /timedatectl/],
    [{ diskFreeBytes: 1024 }, 'disk', 'wrong', /half a gigabyte/],
    [{ board: { throttled: 0x50005, cards: [] } }, 'power', 'wrong', /stronger supply/],
    [{ board: { isUnderVoltage: true, cards: [] } }, 'power', 'wrong', /stronger supply/],
    [{ board: { throttled: 0x50000, cards: [] } }, 'power', 'warning', /stronger supply/],
    [{ board: { throttled: 0x4, cards: [] } }, 'power', 'warning', /cool/],
    [{ supplyMilliamps: 3000 }, 'supply', 'warning', /5 V and 5 A/],
    [{ board: worn }, 'mmcblk0', 'wrong', /dunlin node replace/],
    [{ arch: 'mips' }, 'system', 'wrong', /arm64/],
    [{ arch: 'arm', machine: 'armv6l' }, 'system', 'wrong', /Zero 2 W/],
    [{ arch: 'arm', machine: 'aarch64' }, 'system', 'warning', /64 bits/],
    [{ nftWorks: false }, 'nftables', 'warning', /modprobe/],
  ] as const) {
    const found = judgeMachine({ ...aBoard, ...change } as MachineFacts).filter(one => one.verdict !== 'ok')
    t.equal(found.length, 1, what)
    t.match(found[0], { what, verdict, mend })
  }
})

t.test('the sed of the remedy makes one line with the word at its end', async t => {
  const { execFileSync } = await import('node:child_process')
  const { readFileSync, writeFileSync } = await import('node:fs')
  const file = `${t.testdir()}/cmdline.txt`
  writeFileSync(file, 'console=tty1 rootwait\n')
  const mend = judgeMachine({ ...aBoard, hasMemoryCgroup: false, cmdlinePlace: file }).find(
    one => one.verdict === 'wrong',
  )?.mend
  const [, script = ''] = /^sed -i '([^']+)' /.exec(mend ?? '') ?? []
  execFileSync('sed', ['-i', script, file])
  t.equal(readFileSync(file, 'utf8'), 'console=tty1 rootwait cgroup_enable=memory\n')
})

t.test('a board that says nothing of its supply and card is not judged by them', async t => {
  const silent = { ...aBoard, board: { cards: [] }, supplyMilliamps: undefined }
  t.strictSame(
    judgeMachine(silent).filter(one => ['power', 'supply', 'mmcblk0'].includes(one.what)),
    [],
  )
})

t.test('this machine is looked at', async t => {
  t.match(await machineFacts('/'), { platform: 'linux', machine: /./, kernelWords: /./ })
})

const { signal } = new AbortController()
const device = { hostName: 'barn', arch: 'arm64', labels: {}, signal }

/** What is wrong of what the hub says, in one line. */
const said = (facts: HubFacts, now: number): string =>
  judgeHub(facts, now)
    .map(one => `${one.verdict} ${one.what}: ${one.found}${one.mend === undefined ? '' : `; ${one.mend}`}`)
    .join('\n')

t.test('a token is asked for at the hub, and not used up', async t => {
  const hub = await aHub(t)
  const stateFolder = `${t.testdir()}/none`
  const ask = async (token: string | undefined): Promise<string> =>
    said(await hubFacts({ stateFolder, token, signal }), hub.clock.time)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const token = parseJoinToken(text)
  t.match(await ask(undefined), /^warning hub: .*has no token; .*join-token create/)
  t.match(await ask(text), /^ok hub: answers at .*, and will take the token until 2026-/)
  t.match(await ask(text.slice(0, -1)), /^wrong join token: .*does not fit the rest.*; copy the whole word/)
  t.match(await ask(formatJoinToken({ ...token, secret: 'a'.repeat(26) })), /^wrong join token: .*not known here/)
  t.match(
    await ask(formatJoinToken({ ...token, addresses: ['127.0.0.1:1'] })),
    /^wrong hub: no answer at 127\.0\.0\.1:1: .*; see that the hub runs .*curl/,
  )
  const other = await aHub(t, { keysFolder: `${t.testdirName}/other` })
  t.match(
    await ask(formatJoinToken({ ...token, addresses: [other.server.address] })),
    /^wrong hub: another hub answers at/,
  )
  const identity = await openIdentity({ stateFolder: `${t.testdirName}/joins` })
  t.ok(await enrol(identity, { ...device, token: text }), 'it was not used up')
  t.match(await ask(text), /^wrong join token: .*was used at .*; on the hub: dunlin join-token create/)
  const late = await hub.identity.tokens.create({ ttlSeconds: 600 })
  hub.clock.time += 601_000
  t.match(await ask(late.text), /^wrong join token: .*expired at/)
})

t.test('a membership is asked for at the hub: known, removed, replaced, or of another hub', async t => {
  const hub = await aHub(t)
  const stateFolder = `${t.testdir()}/barn`
  const make = async (order: { node?: string; replace?: boolean } = {}): Promise<string> =>
    (await hub.identity.tokens.create({ ttlSeconds: 600, ...order })).text
  const identity = await openIdentity({ stateFolder })
  await enrol(identity, { ...device, nodeName: 'barn', token: await make() })
  const ask = async (): Promise<HubFacts> => hubFacts({ stateFolder, token: undefined, signal })
  t.match(said(await ask(), hub.clock.time), /^ok hub: answers at .*knows this device as node "barn"$/)
  t.match(said(await ask(), 0), /\nwarning clock: here it is 1970-01-01T00:00:00.000Z, at the hub 2026-.*timedatectl/)

  const second = await openIdentity({ stateFolder: `${t.testdirName}/second` })
  await enrol(second, { ...device, board: 'bbbb', token: await make({ node: 'barn', replace: true }) })
  t.match(
    said(await ask(), hub.clock.time),
    /^wrong membership: .*its name moved to another board \(serial bbbb\).*; on the hub: .*dunlin node reset/,
  )

  const other = await aHub(t, { keysFolder: `${t.testdirName}/other` })
  const kept = identity.membership
  if (kept === undefined) throw new Error('it has joined')
  await identity.join({ ...kept, api: [other.server.address] })
  t.match(said(await ask(), hub.clock.time), /^wrong hub: another hub answers at .*node reset --join-token/)
  await identity.join({ ...kept, api: ['127.0.0.1:1'] })
  t.match(said(await ask(), hub.clock.time), /^wrong hub: no answer at 127\.0\.0\.1:1/)
})

t.test('a certificate that is none is refused, and tells nothing', async t => {
  const hub = await aHub(t)
  t.throws(() => hub.identity.check({ format: 1, certificate: randomBytes(8).toString('hex') }), /cannot be read/)
  t.throws(() => hub.identity.check({ format: 1 }), /cannot be read/)
})
