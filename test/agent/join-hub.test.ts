import t from 'tap'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { joinHub } from '../../src/agent/join-hub.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { formatJoinToken, parseJoinToken } from '../../src/wire/join-token.ts'
import { aDevice } from '../hub/a-device.ts'
import { aWholeHub } from '../hub/a-whole-hub.ts'
import { aHub } from '../hub/identity/a-hub.ts'
import { fails } from '../support/fails.ts'
import { folderOf } from '../support/folder-of.ts'
import { until } from '../support/until.ts'

const facts = {
  nodeName: 'kitchen',
  hostName: 'k',
  arch: 'arm64',
  labels: {},
  clock: systemClock,
  random: () => 0,
  log: silentLog,
}
const join = (identity: Awaited<ReturnType<typeof openIdentity>>, token: string | undefined, stateFolder = '/none') =>
  joinHub(identity, { ...facts, stateFolder, token, signal: new AbortController().signal })

t.test('a device without a token says what to do', async t => {
  const identity = await openIdentity({ stateFolder: folderOf(t) })
  await fails(t, join(identity, undefined), 'Machine', /has not joined a hub: make a token/)
})

t.test('a device that has joined keeps its identity, and does not ask again with the same token', async t => {
  const hub = await aHub(t)
  const folder = folderOf(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 60 })
  const first = await join(await openIdentity({ stateFolder: folder }), text)
  await hub.server.close()
  for (const token of [text, undefined, 'not a token'])
    t.strictSame(await join(await openIdentity({ stateFolder: folder }), token), first)
})

t.test('a device that was removed joins again with a new token', async t => {
  const hub = await aHub(t)
  const folder = folderOf(t)
  const token = async () => (await hub.identity.tokens.create({ ttlSeconds: 60 })).text
  const first = await join(await openIdentity({ stateFolder: folder }), await token())
  await hub.identity.removeNode('kitchen')
  const again = await join(await openIdentity({ stateFolder: folder }), await token())
  t.not(again.node.uid, first.node.uid)
  t.equal((await openIdentity({ stateFolder: folder })).membership?.node.uid, again.node.uid)
})

t.test('a new token that leads nowhere takes nothing away', async t => {
  const hub = await aHub(t)
  const folder = folderOf(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 60 })
  const first = await join(await openIdentity({ stateFolder: folder }), text)
  const nowhere = formatJoinToken({ ...parseJoinToken(text), id: 'aaaaaaaa', addresses: ['127.0.0.1:1'] })
  t.strictSame(await join(await openIdentity({ stateFolder: folder }), nowhere), first)
})

t.test('a device that moves to an older hub keeps its pods until that one has spoken, and then obeys it', async t => {
  const folder = folderOf(t)
  const from = await aWholeHub(t, `${folder}/from`)
  const device = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic', token: await from.joinToken() })
  await from.asAdmin('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name: 'old' },
    spec: { nodeName: 'attic', containers: [{ name: 'main', image: 'x' }] },
  })
  await until('the pod is assigned', () => device.hub.assignment()?.pods.length === 1)
  await device.close()
  await from.hub.close()

  const older = { ...systemClock, now: () => systemClock.now() - 86_400_000 }
  const to = await aWholeHub(t, `${folder}/to`, { clock: older })
  const identity = await openIdentity({ stateFolder: `${folder}/attic` })
  t.equal((await join(identity, await to.joinToken(), `${folder}/attic`)).fleet, to.hub.fleet)
  const moved = await aDevice(t, { stateFolder: `${folder}/attic`, name: 'attic' })
  t.equal(moved.hub.assignment()?.pods.length, 1, 'its pods are there when it starts')
  await until('the new hub is obeyed', () => moved.hub.assignment()?.pods.length === 0)
})
