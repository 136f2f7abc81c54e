import t from 'tap'
import { renew } from '../../src/agent/identity/enrol.ts'
import { isFault } from '../../src/api/fault.ts'
import { nodeStatusText } from '../../src/api/kinds/node.ts'
import type { Node } from '../../src/api/types.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { until } from '../support/until.ts'
import { aDevice } from './a-device.ts'
import { aWholeHub } from './a-whole-hub.ts'

/** Statuses and names out of an answer. */
const conditionOf = (
  node: unknown,
  type: string,
): { readonly status?: string; readonly message?: string } | undefined =>
  (node as { status?: { conditions?: { type: string; status: string; message: string }[] } }).status?.conditions?.find(
    one => one.type === type,
  )

t.test('a new board takes the place of an old one, which is refused when it comes back', async t => {
  const { asAdmin, joinToken } = await aWholeHub(t, t.testdir())
  const node = async () => (await asAdmin('GET', '/api/v1/nodes/barn')).body
  const isReady = async () => conditionOf(await node(), 'Ready')?.status === 'True'
  const labels = { 'dunlin.io/site': 'barn', shelf: '3' }
  const lines: string[] = []
  const log = jsonLog({ write: line => lines.push(line), level: 'debug', now: Date.now, facts: {} })
  const old = await aDevice(t, {
    stateFolder: `${t.testdirName}/old`,
    name: 'barn',
    token: await joinToken({ labels }),
    board: '10000000aaaaaaaa',
    log,
  })
  await until('the old board', async () => ((await isReady()) ? true : undefined))
  const patched = await asAdmin('GET', '/api/v1/nodes/barn')
  const taints = [{ key: 'rain', effect: 'NoSchedule' }]
  const put = await asAdmin('PUT', '/api/v1/nodes/barn', {
    ...patched.body,
    metadata: {
      ...(patched.body['metadata'] as object),
      annotations: { ...annotationsOf(patched.body), note: 'door' },
    },
    spec: { ...(patched.body['spec'] as object), taints },
  })
  t.equal(put.status, 200, put.text)
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'feeder' },
    spec: { nodeName: 'barn', containers: [{ name: 'a', image: 'x' }] },
  }
  t.equal((await asAdmin('POST', '/api/v1/namespaces/default/pods', pod)).status, 201)
  await until('its pod', () => (old.hub.assignment()?.pods.length === 1 ? true : undefined))
  const before = await node()

  const token = await joinToken({ node: 'barn', replace: true })
  t.ok(old.bus.isConnected, 'the token alone does nothing to the old board')
  const fresh = await aDevice(t, {
    stateFolder: `${t.testdirName}/new`,
    name: 'barn',
    token,
    board: '10000000bbbbbbbb',
  })
  await until('the pod on the new board', () => (fresh.hub.assignment()?.pods.length === 1 ? true : undefined))
  await until('the end of the old connection', () => (old.bus.isConnected ? undefined : true))

  const after = await node()
  t.match(after, {
    metadata: {
      uid: (before['metadata'] as { uid: string }).uid,
      labels,
      annotations: { note: 'door', 'dunlin.io/board-serial': '10000000bbbbbbbb' },
    },
    spec: { taints },
  })
  t.equal(conditionOf(after, 'BoardChanged'), undefined, 'a board that joined is no surprise')
  t.match((await asAdmin('GET', '/api/v1/namespaces/default/pods/feeder')).body, { spec: { nodeName: 'barn' } })

  await until('the refusal', () => (lines.some(line => /[Nn]ot authorized/.test(line)) ? true : undefined))
  t.notOk(old.bus.isConnected)
  const why = await renew(old.identity, new AbortController().signal).then(
    () => undefined,
    (error: unknown) => error,
  )
  t.ok(isFault(why, 'Unauthorized'))
  t.match(String(why), /its name moved to another board \(serial 10000000bbbbbbbb\).*dunlin node reset --join-token/)

  const again = await asAdmin('GET', '/dunlin/v1/join-tokens')
  t.match(again.text, /"used":\{"node":"barn"/, 'the token is used up')
})

t.test('a card that is moved to another board is noticed and told, until it is back or accepted', async t => {
  const { asAdmin, joinToken } = await aWholeHub(t, t.testdir())
  const node = async () => (await asAdmin('GET', '/api/v1/nodes/barn')).body
  const changed = async () => conditionOf(await node(), 'BoardChanged')
  const stateFolder = `${t.testdirName}/card`
  const first = await aDevice(t, { stateFolder, name: 'barn', token: await joinToken(), board: 'aaaa' })
  await until('its report', async () => (conditionOf(await node(), 'Ready') === undefined ? undefined : true))
  t.equal(await changed(), undefined)
  await first.close()

  const moved = await aDevice(t, { stateFolder, name: 'barn', board: 'bbbb' })
  const told = await until('the condition', changed)
  t.match(told, { status: 'True', message: 'the card of this node is in board bbbb; board aaaa joined with it' })
  const event = await until('the event', async () => {
    const { body } = await asAdmin('GET', '/api/v1/namespaces/default/events')
    return (body['items'] as { reason: string }[]).find(one => one.reason === 'BoardChanged')
  })
  t.match(event, { type: 'Warning', involvedObject: { kind: 'Node', name: 'barn' } })
  t.match(nodeStatusText((await node()) as unknown as Node), /,BoardChanged$/, 'what a list of nodes shows')
  await moved.close()

  const back = await aDevice(t, { stateFolder, name: 'barn', board: 'aaaa' })
  await until('its end', async () => ((await changed()) === undefined ? true : undefined))
  await back.close()

  const away = await aDevice(t, { stateFolder, name: 'barn', board: 'cccc' })
  await until('the condition', changed)
  const accepted = await asAdmin('GET', '/api/v1/nodes/barn')
  const { 'dunlin.io/board-serial': _, ...others } = annotationsOf(accepted.body)
  const put = await asAdmin('PUT', '/api/v1/nodes/barn', {
    ...accepted.body,
    metadata: { ...(accepted.body['metadata'] as object), annotations: others },
  })
  t.equal(put.status, 200, put.text)
  await away.say()
  await until('its end', async () => ((await changed()) === undefined ? true : undefined))
  t.equal(annotationsOf(await node())['dunlin.io/board-serial'], 'cccc')
})

const annotationsOf = (node: unknown): { readonly [key: string]: string } =>
  (node as { metadata: { annotations?: { [key: string]: string } } }).metadata.annotations ?? {}
