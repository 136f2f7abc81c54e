import { once } from 'node:events'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { type RestKit, startKit } from '../../support/rest.ts'

/** Who holds which verbs on which door, and whether it opens. */
const roles: readonly { readonly role: string; readonly verbs: readonly string[]; readonly opens: boolean }[] = [
  { role: 'one without rights', verbs: [], opens: false },
  { role: 'one who may get', verbs: ['get'], opens: false },
  { role: 'one who may get, list and watch', verbs: ['get', 'list', 'watch'], opens: false },
  { role: 'one who may do all but create', verbs: ['get', 'update', 'patch', 'delete'], opens: false },
  { role: 'one who may create', verbs: ['create'], opens: true },
  { role: 'one who may create and get', verbs: ['create', 'get'], opens: true },
]
const builtIn = { view: false, edit: true, admin: true, 'cluster-admin': true }
const doors = ['exec', 'attach', 'portforward'] as const

/** The status that a request gets: an opened door finds no pod, and says 404. */
const statusOf = async (kit: RestKit, method: string, path: string, upgrade: string): Promise<number> => {
  const { certificate: cert, key } = kit.credentials('eva') ?? { certificate: '', key: '' }
  const { port } = new URL(kit.url)
  const socket = connect({ port: Number(port), host: '127.0.0.1', ca: kit.keys.ca.pem, cert, key })
  await once(socket, 'secureConnect')
  const more =
    upgrade === 'websocket'
      ? 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n'
      : 'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n'
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n${more}\r\n`)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return Number(/^HTTP\/1.1 (\d+)/.exec(String(answer))?.[1])
}

const bind = async (kit: RestKit, roleRef: { readonly kind: string; readonly name: string }): Promise<void> => {
  await kit.objects.create('RoleBinding', {
    metadata: { name: 'eva', namespace: 'default' },
    ...{
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'eva' }],
    },
  })
}

const tryAll = async (t: Test, kit: RestKit, opens: boolean): Promise<void> => {
  const expected = opens ? 404 : 403
  for (const door of doors) {
    const path = `/api/v1/namespaces/default/pods/web/${door}?command=true&stdout=true`
    t.equal(await statusOf(kit, 'GET', path, 'websocket'), expected, `${door}, as kubectl opens it`)
    t.equal(await statusOf(kit, 'GET', `${path}&watch=true`, 'websocket'), expected, `${door}, called a watch`)
    t.equal(await statusOf(kit, 'POST', path, 'SPDY/3.1'), expected, `${door}, as an older kubectl opens it`)
    t.equal((await kit.ask({ path, as: 'eva' })).status, expected, `${door}, without an upgrade`)
  }
}

for (const { role, verbs, opens } of roles) {
  t.test(`${role} ${opens ? 'opens' : 'does not open'} exec, attach and port-forward`, async t => {
    const kit = await startKit(t)
    const rules = [{ apiGroups: [''], resources: doors.map(door => `pods/${door}`), verbs }]
    if (verbs.length > 0) {
      await kit.objects.create('Role', { metadata: { name: 'mine', namespace: 'default' }, ...{ rules } })
      await bind(kit, { kind: 'Role', name: 'mine' })
    }
    await tryAll(t, kit, opens)
  })
}

for (const [name, opens] of Object.entries(builtIn)) {
  t.test(`the role ${name} ${opens ? 'opens' : 'does not open'} them`, async t => {
    const kit = await startKit(t)
    await bind(kit, { kind: 'ClusterRole', name })
    await tryAll(t, kit, opens)
  })
}

t.test('the refusal and the audit name the verb that was wanting', async t => {
  const kit = await startKit(t)
  const path = '/api/v1/namespaces/default/pods/web/exec'
  t.match(await kit.ask({ path, as: 'eva' }), {
    status: 403,
    json: { message: /User "eva" cannot create resource "pods\/exec"/ },
  })
  t.match(kit.audit.at(-1), { access: { verb: 'create', resource: 'pods', subresource: 'exec' }, status: 403 })
})

t.test('a right to one door opens no other', async t => {
  const kit = await startKit(t)
  const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] }]
  await kit.objects.create('Role', { metadata: { name: 'mine', namespace: 'default' }, ...{ rules } })
  await bind(kit, { kind: 'Role', name: 'mine' })
  const at = (door: string) => `/api/v1/namespaces/default/pods/web/${door}?command=true`
  t.equal(await statusOf(kit, 'GET', at('exec'), 'websocket'), 404)
  for (const door of ['attach', 'portforward']) t.equal(await statusOf(kit, 'GET', at(door), 'websocket'), 403, door)
})
