import t, { type Test } from 'tap'
import { Fault } from '../../../src/api/fault.ts'
import { liveSessions, type SessionEvent } from '../../../src/hub/remote/live-sessions.ts'
import { remoteDoor, remotePrefix } from '../../../src/hub/remote/remote-door.ts'
import { shellsLeft } from '../../../src/hub/remote/sessions-list.ts'
import { fails } from '../../support/fails.ts'
import { startKit } from '../../support/rest.ts'

/** The door of a hub with one node, which cannot be reached. */
const aDoor = async (t: Test) => {
  const kit = await startKit(t)
  await kit.objects.create('Node', { metadata: { name: 'barn' } })
  const told: SessionEvent[] = []
  const sessions = liveSessions({ tell: event => told.push(event), now: () => 0, randomHex: () => 'id1' })
  const away = () => Promise.reject(new Fault('Unavailable', 'node "barn" is away'))
  const door = remoteDoor({
    objects: kit.objects,
    nodes: {
      session: away,
      open: away,
      counts: () => ({ sessions: 0, streams: 0 }),
      drop() {},
      close() {},
      door: { prefix: '/none', handle: away },
    },
    sessions,
    shells: shellsLeft(),
    clock: kit.parts.clock,
  })
  const ask = async (method: string, path: string, user = 'eva') => {
    const [before = '', query = ''] = path.split('?')
    const answer = await door.handle({
      method,
      path: `${remotePrefix}${before}`,
      query: new URLSearchParams(query),
      headers: {},
      caller: { user, groups: user === 'admin' ? ['system:masters'] : [], by: 'certificate' },
      remoteAddress: '10.0.0.7',
      signal: new AbortController().signal,
      body: async () => Buffer.alloc(0),
    })
    return JSON.parse(String(answer.body))
  }
  const bind = (role: string) =>
    kit.objects.create('ClusterRoleBinding', {
      metadata: { name: `eva-${role}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'eva' }],
    })
  return { kit, ask, bind, sessions, told }
}

const all = [
  ['GET', '/nodes/barn/shell', /cannot create resource "nodes\/shell" in API group "dunlin.io"/],
  ['GET', '/nodes/barn/forward', /cannot create resource "nodes\/forward"/],
  ['GET', '/nodes/barn/copy?path=/etc', /cannot get resource "nodes\/copy"/],
  ['GET', '/nodes/barn/copy?path=/etc&to=node', /cannot create resource "nodes\/copy"/],
  ['GET', '/nodes/barn/journal', /cannot get resource "nodes\/journal"/],
  ['GET', '/sessions', /cannot list resource "sessions"/],
  ['DELETE', '/sessions/id1', /cannot delete resource "sessions"/],
] as const

t.test('who may view, edit or administer a namespace may do nothing with the devices themselves', async t => {
  const { ask, bind } = await aDoor(t)
  for (const role of ['view', 'edit', 'admin']) {
    await bind(role)
    for (const [method, path, message] of all) await fails(t, ask(method, path), 'Forbidden', message)
  }
})

t.test('a role with the right names gives one right alone', async t => {
  const { kit, ask, bind } = await aDoor(t)
  await kit.objects.create('ClusterRole', {
    metadata: { name: 'readers' },
    rules: [{ apiGroups: ['dunlin.io'], resources: ['nodes/copy'], resourceNames: ['barn'], verbs: ['get'] }],
  })
  await bind('readers')
  await fails(t, ask('GET', '/nodes/barn/copy?path=/etc'), 'BadRequest', /opened by a WebSocket/)
  await fails(t, ask('GET', '/nodes/barn/copy?path=/etc&to=node'), 'Forbidden')
  await fails(t, ask('GET', '/nodes/other/copy?path=/etc'), 'Forbidden')
  await fails(t, ask('GET', '/nodes/barn/shell'), 'Forbidden')
})

t.test('an admin of the fleet may, and hears of a node that is not there or away', async t => {
  const { ask, told } = await aDoor(t)
  await fails(t, ask('GET', '/nodes/barn/shell', 'admin'), 'BadRequest', /opened by a WebSocket/)
  await fails(t, ask('GET', '/nodes/barn/forward', 'admin'), 'BadRequest', /"ports" is required/)
  await fails(t, ask('GET', '/nodes/none/journal', 'admin'), 'NotFound', /nodes "none" not found/)
  await fails(t, ask('GET', '/nodes/barn/journal', 'admin'), 'Unavailable', /is away/)
  t.match(told, [
    { event: 'started', what: 'journal', user: 'admin', node: 'barn', from: '10.0.0.7' },
    { event: 'ended', outcome: 'node "barn" is away' },
  ])
  await fails(t, ask('GET', '/nodes/barn/forward?ports=22&host=lan', 'admin'), 'Unavailable', /is away/)
  t.match(told.at(-2), { what: 'forward', detail: 'lan:22, whether it is allowed' })
  await fails(t, ask('GET', '/nodes/barn/journal?unit=a/b', 'admin'), 'BadRequest', /unit/)
  await fails(t, ask('POST', '/nodes/barn/journal', 'admin'), 'MethodNotAllowed')
  await fails(t, ask('GET', '/other', 'admin'), 'NotFound')
})

t.test('sessions are listed and ended', async t => {
  const { ask, sessions } = await aDoor(t)
  const session = sessions.begin({ what: 'exec', user: 'ann', from: '', node: 'barn', pod: 'web', namespace: 'shop' })
  t.match(await ask('GET', '/sessions', 'admin'), {
    kind: 'SessionList',
    items: [{ metadata: { name: 'id1' }, spec: { what: 'exec', user: 'ann', pod: 'web' }, status: { phase: 'Live' } }],
  })
  t.match(await ask('GET', '/sessions?node=barn', 'admin'), {
    metadata: { warnings: [/node "barn" does not say which shells it has: node "barn" is away/] },
  })
  t.match(await ask('DELETE', '/sessions/id1', 'admin'), { status: 'Success' })
  t.match(session.signal.reason, { message: 'the session was ended by admin' })
  session.end('ended')
  await fails(t, ask('DELETE', '/sessions/id1', 'admin'), 'NotFound', /name its node as well/)
})

t.test('the resources are told to whoever asks', async t => {
  const { ask } = await aDoor(t)
  t.match(await ask('GET', '', 'admin'), { kind: 'APIResourceList', groupVersion: 'dunlin.io/v1' })
})
