import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { followJoin } from '../../../src/agent/first-boot/follow-join.ts'
import { parseJoinFile } from '../../../src/agent/first-boot/join-file.ts'
import { joinLine, memoryLine, statusText } from '../../../src/agent/first-boot/status.ts'
import { takeOver } from '../../../src/agent/first-boot/take-over.ts'
import { enrol } from '../../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../../src/agent/identity/open-identity.ts'
import { joinHub } from '../../../src/agent/join-hub.ts'
import { Fault } from '../../../src/api/fault.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { formatJoinToken } from '../../../src/wire/join-token.ts'
import { manualClock } from '../../fakes/clock.ts'
import { aHub } from '../../hub/identity/a-hub.ts'
import { fails } from '../../support/fails.ts'
import fc from '../../support/fast-check.ts'
import { folderOf } from '../../support/folder-of.ts'
import { atEveryCut } from '../../support/power-cut.ts'

const log = silentLog
const { signal } = new AbortController()
const device = { hostName: 'attic', arch: 'arm64', labels: {}, signal }
const aToken = (change: Partial<Parameters<typeof formatJoinToken>[0]> = {}): string =>
  formatJoinToken({
    id: 'abcdefgh',
    secret: 'b'.repeat(26),
    pin: 'A'.repeat(43),
    addresses: ['127.0.0.1:1'],
    ...change,
  })

/** A card's boot partition with this join.json, and the agent's empty state, in one folder. */
const aCard = (
  t: Test,
  file: unknown,
): { readonly root: string; readonly boot: string; readonly stateFolder: string } => {
  const root = join(folderOf(t), 'root')
  const boot = join(root, 'boot')
  mkdirSync(join(boot, 'dunlin/images'), { recursive: true })
  mkdirSync(join(root, 'state'))
  writeFileSync(join(boot, 'dunlin/join.json'), typeof file === 'string' ? file : JSON.stringify(file))
  return { root, boot, stateFolder: join(root, 'state') }
}
const statusOf = (boot: string): string => readFileSync(join(boot, 'dunlin/status.txt'), 'utf8')
const follow = (stateFolder: string, show: (line: string) => Promise<void> = async () => undefined) =>
  followJoin({ stateFolder, ownAddresses: async () => ['192.168.1.50'], show, log })

t.test('what the card says becomes the agent’s settings, and the token stays until the device has joined', async t => {
  const token = aToken()
  const { boot, stateFolder } = aCard(t, {
    token,
    name: 'barn',
    hub: ['hub.farm:6443', '10.0.0.2:6443'],
    labels: { 'dunlin.io/site': 'farm', dry: '' },
    secretFiles: ['network-config', 'dunlin/first-run/wifi'],
  })
  writeFileSync(join(boot, 'network-config'), 'password: secret')
  writeFileSync(join(boot, 'dunlin/images/web.tar'), '')
  const lines = await takeOver({ boots: ['/nowhere', boot], stateFolder, log })
  t.match(lines, [{ verdict: 'ok', what: 'settings', says: /called barn/ }, {}, { what: 'images', says: /1 archives/ }])
  t.equal(
    readFileSync(join(stateFolder, 'first-boot.env'), 'utf8'),
    `DUNLIN_JOIN_TOKEN=${aToken({ addresses: ['hub.farm:6443', '10.0.0.2:6443'] })}
DUNLIN_NODE_NAME=barn
DUNLIN_HUB=hub.farm:6443,10.0.0.2:6443
DUNLIN_LABEL=dunlin.io/site=farm,dry=
DUNLIN_IMAGES=${boot}/dunlin/images
`,
  )
  t.match(
    statusOf(boot),
    /^Dunlin, first boot.*\n\n\[ok\] settings: .*\n\[\w+\] memory: .*\n\[ok\] images: .*\n\[wait\] join: /,
  )
  t.ok(existsSync(join(boot, 'dunlin/join.json')))

  const shown: string[] = []
  const firstBoot = await follow(stateFolder, async line => void shown.push(line))
  await firstBoot?.failed(new Fault('Unavailable', 'the hub cannot be reached: 10.0.0.2:6443: refused'))
  await firstBoot?.failed(new Fault('Unavailable', 'the hub cannot be reached: 10.0.0.2:6443: refused'))
  t.equal(shown.length, 1, 'the same is said once')
  t.match(statusOf(boot), /\[wait\] join: .*10\.0\.0\.2:6443: refused\. It is tried again .*device: 192\.168\.1\.50\n/)
  t.ok(existsSync(join(boot, 'dunlin/join.json')))

  await firstBoot?.joined({ node: 'barn', isNew: true })
  t.match(statusOf(boot), /\[ok\] join: this device is the node barn\n\[ok\] secrets: token and passphrases are gone/)
  t.notOk(existsSync(join(boot, 'dunlin/join.json')))
  t.notOk(existsSync(join(boot, 'network-config')))
  t.notMatch(readFileSync(join(stateFolder, 'first-boot.env'), 'utf8'), 'TOKEN')
  t.equal(await follow(stateFolder), undefined, 'the first boot has ended')
  t.equal(await takeOver({ boots: [boot], stateFolder, log }), undefined)
})

t.test('a card that says nothing, or nonsense, is told of and holds nobody up', async t => {
  const { boot, stateFolder } = aCard(t, '{"token": "dunlin1.x",')
  t.match(await takeOver({ boots: [boot], stateFolder, log }), [{ verdict: 'wrong', says: /it is not JSON; a comma/ }])
  t.match(statusOf(boot), /\[wrong\] settings: join\.json cannot be read: it is not JSON.*\n\nMend what is wrong/)
  t.equal(await follow(stateFolder), undefined)
})

t.test('every mistake in join.json is named with what was expected', async t => {
  const token = aToken()
  const mistakes: readonly (readonly [unknown, RegExp])[] = [
    [[], /it is no object/],
    [{}, /token: it is missing/],
    [{ token: 'dunlin1.x' }, /the join token cannot be read: it has 2 parts/],
    [{ token, name: 'Barn_1' }, /name: found "Barn_1", which is no name for a node: a lowercase RFC 1123 label/],
    [{ token, nodeName: 'barn' }, /it has a field "nodeName"; known are token, hub, name/],
    [{ token, hub: 'x:1' }, /hub: expected a list of texts/],
    [{ token, hub: ['x'] }, /hub: found "x"; expected one to eight host:port/],
    [{ token, labels: { 'a b': 'c' } }, /labels: "a b": name part must/],
    [{ token, secretFiles: ['../../etc/shadow'] }, /secretFiles: found "\.\.\/\.\.\/etc/],
    [{ token, secretFiles: ['/etc/shadow'] }, /secretFiles: found/],
  ]
  for (const [file, says] of mistakes) await fails(t, () => parseJoinFile(JSON.stringify(file)), 'Malformed', says)
  t.equal(parseJoinFile(`\uFEFF${JSON.stringify({ token })}\r\n`).token, token, 'as an editor of Windows writes it')
})

t.test('whatever join.json holds, it is read or refused', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), text => {
      try {
        parseJoinFile(text)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
      }
    }),
  )
})

t.test('a person reads in status.txt why the device does not join, from a real hub', async t => {
  const hub = await aHub(t)
  const refusedWith = async (token: string, name = 'barn'): Promise<string> => {
    const { boot, stateFolder } = aCard(t, { token, name })
    await takeOver({ boots: [boot], stateFolder, log })
    const firstBoot = await follow(stateFolder)
    const identity = await openIdentity({ stateFolder })
    const settings = { ...device, nodeName: name, token, stateFolder, clock: manualClock(), random: () => 0, log }
    await joinHub(identity, { ...settings, failed: firstBoot?.failed }).catch(() => undefined)
    t.ok(existsSync(join(boot, 'dunlin/join.json')), 'the card keeps its token')
    return statusOf(boot)
  }
  const used = await hub.identity.tokens.create({ ttlSeconds: 600 })
  await enrol(await openIdentity({ stateFolder: folderOf(t) }), { ...device, token: used.text })
  t.match(await refusedWith(used.text), /\[wrong\] join: .*was used at .* by node "attic-.*Make a new one on the hub/)
  const late = await hub.identity.tokens.create({ ttlSeconds: 1 })
  hub.clock.time += 3_600_000
  t.match(await refusedWith(late.text), /\[wrong\] join: .*expired at .*put it into join\.json as "token"\n/)
  const other = await hub.identity.tokens.create({ ttlSeconds: 600, node: 'shed' })
  t.match(await refusedWith(other.text), /\[wrong\] join: .*"shed".*Give this device another name in join\.json/)
})

t.test('each way of not joining has its own words', async t => {
  const says = (error: Fault, own: readonly string[] = []): string => statusText([joinLine(error, own)])
  t.match(
    says(new Fault('Distrusted', 'the server is not the hub of this join token')),
    /\[wrong\].*Another hub answers/,
  )
  t.match(
    says(new Fault('Unavailable', 'refused')),
    /\[wait\] join: refused\..*Addresses of this device: it has none: no cable/,
  )
  t.match(memoryLine('cpuset cpu io memory pids', ''), { verdict: 'ok' })
  t.match(memoryLine('cpu io pids', 'quiet cgroup_enable=memory'), { says: /this kernel ignores cgroup_enable=memory/ })
  t.match(memoryLine('cpu io pids', 'cgroup_disable=memory'), { says: /without cgroup_enable=memory.*cmdline\.txt/ })
})

t.test('a new card in a device that is a node: a token that is not taken stays, and is told of', async t => {
  const { boot, stateFolder } = aCard(t, { token: aToken() })
  await takeOver({ boots: [boot], stateFolder, log })
  const firstBoot = await follow(stateFolder)
  await firstBoot?.joined({ node: 'attic', isNew: false })
  t.match(statusOf(boot), /\[wrong\] join: the token on the card was not taken, and this device stays the node attic/)
  t.ok(existsSync(join(boot, 'dunlin/join.json')))
})

t.test('a power cut at any step of the first boot loses no token, and the next start ends it', async t => {
  const hub = await aHub(t)
  const { text: token } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const { root } = aCard(t, { token, name: 'barn', secretFiles: ['network-config'] })
  writeFileSync(join(root, 'boot/network-config'), 'password: secret')
  const passThrough = async (folder: string, mark: (mark: string) => void = () => undefined): Promise<void> => {
    const stateFolder = join(folder, 'state')
    await takeOver({ boots: [join(folder, 'boot')], stateFolder, log })
    const settings = join(stateFolder, 'first-boot.env')
    const given = existsSync(settings)
      ? /^DUNLIN_JOIN_TOKEN=(.*)$/m.exec(readFileSync(settings, 'utf8'))?.[1]
      : undefined
    const firstBoot = await follow(stateFolder)
    const identity = await openIdentity({ stateFolder })
    const own = { ...device, nodeName: 'barn', stateFolder, clock: manualClock(), random: () => 0, log }
    mark('the token is sent')
    const { node } = await joinHub(identity, { ...own, token: given })
    await firstBoot?.joined({ node: node.name, isNew: true })
  }
  const states = await atEveryCut({
    folder: root,
    deed: mark => passThrough(root, mark),
    async next(cut) {
      // Where the card is mounted stands in what is left to do; this copy of it lies elsewhere.
      const rest = join(cut.folder, 'state/first-boot.json')
      if (existsSync(rest)) writeFileSync(rest, readFileSync(rest, 'utf8').replace(root, cut.folder))
      if (!cut.passed.has('the token is sent')) {
        // The hub of this test has seen it used since, by keys that this state does not have: another takes its place.
        const file = join(cut.folder, 'boot/dunlin/join.json')
        const text = readFileSync(file, 'utf8')
        t.match(text, token, cut.name)
        const { text: another } = await hub.identity.tokens.create({ ttlSeconds: 600, node: 'barn', replace: true })
        writeFileSync(file, text.replace(token, another))
      }
      await passThrough(cut.folder)
      const { membership } = await openIdentity({ stateFolder: join(cut.folder, 'state') })
      t.equal(membership?.node.name, 'barn', cut.name)
      for (const secret of ['dunlin/join.json', 'network-config'])
        t.notOk(existsSync(join(cut.folder, 'boot', secret)), `${cut.name}: ${secret}`)
      t.match(statusOf(join(cut.folder, 'boot')), /\[ok\] join: this device is the node barn/, cut.name)
    },
  })
  t.ok(states > 30, `${states} states`)
})
