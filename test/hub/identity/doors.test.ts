import { X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import t from 'tap'
import { enrol } from '../../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../../src/agent/identity/open-identity.ts'
import type { Credentials } from '../../../src/hub/identity/keys.ts'
import { aHub, day } from './a-hub.ts'

type Hub = Awaited<ReturnType<typeof aHub>>

/** One request to the hub, with or without a client certificate: the status and what was said. */
const ask = (hub: Hub, method: string, path: string, by?: Partial<Credentials>, body?: unknown, token?: string) =>
  new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const [host, port] = hub.server.address.split(':')
    const tls = { ca: hub.keys.ca.pem, cert: by?.certificate, key: by?.key, agent: false }
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const call = request({ host, port, path, method, ...tls, headers }, async answer => {
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk)
      resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString() || '{}') })
    })
    call.once('error', reject)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })

t.test('an admin makes, lists and deletes join tokens; the secret is shown once', async t => {
  const hub = await aHub(t)
  const made = await ask(hub, 'POST', '/dunlin/v1/join-tokens', hub.keys.admin, { ttlSeconds: 60, node: 'kitchen' })
  t.equal(made.status, 201)
  t.match(made.body['token'], /^dunlin1\./)
  const listed = await ask(hub, 'GET', '/dunlin/v1/join-tokens', hub.keys.admin)
  t.match(listed.body, { tokens: [{ id: made.body['id'], node: 'kitchen' }] })
  t.notMatch(JSON.stringify(listed.body), /secret/i)
  t.equal((await ask(hub, 'DELETE', `/dunlin/v1/join-tokens/${made.body['id']}`, hub.keys.admin)).status, 200)
  t.equal((await ask(hub, 'DELETE', `/dunlin/v1/join-tokens/${made.body['id']}`, hub.keys.admin)).status, 404)
})

t.test('an order that makes no sense is refused with the field', async t => {
  const hub = await aHub(t)
  const order = (path: string, body: unknown) => ask(hub, 'POST', path, hub.keys.admin, body)
  const cases: readonly [string, unknown, number, RegExp][] = [
    ['join-tokens', { ttlSeconds: 0 }, 422, /ttlSeconds: found 0; expected 1 to/],
    ['join-tokens', { ttlSeconds: 'x' }, 422, /ttlSeconds: found NaN/],
    ['join-tokens', { node: 'No' }, 422, /"No" is no name for a node/],
    ['join-tokens', { replace: true }, 422, /must name the node/],
    ['join-tokens', { labels: { 'a b': '' } }, 422, /labels\[a b\]/],
    ['join-tokens', [], 400, /order of a join token cannot be read/],
    ['users', { user: 'system:node:x' }, 422, /user: found "system:node:x"/],
    ['users', { user: 'eve', groups: ['system:nodes'] }, 422, /"system:nodes" cannot be given/],
    ['users', { user: 'eve', groups: ['dunlin:hub'] }, 422, /"dunlin:hub" cannot be given/],
    ['users', { user: 'a\nb' }, 422, /user: found/],
    ['users', { user: 'eve', days: 99999 }, 422, /days: found 99999; expected 1 to 3650/],
    ['users', { groups: [] }, 400, /"user" is no text/],
  ]
  for (const [path, body, status, message] of cases) {
    const answer = await order(`/dunlin/v1/${path}`, body)
    t.equal(answer.status, status, JSON.stringify(body))
    t.match(answer.body['message'], message)
  }
})

t.test('a named user gets a kubeconfig with a certificate that ends', async t => {
  const hub = await aHub(t)
  const made = await ask(hub, 'POST', '/dunlin/v1/users', hub.keys.admin, {
    user: 'eve',
    groups: ['dev', 'ops'],
    days: 2,
  })
  const certificate = new X509Certificate(String(made.body['certificate']))
  t.match(certificate.subject, 'O=dev\nO=ops\nCN=eve')
  t.equal(certificate.validToDate.getTime(), hub.clock.time + 2 * day)
  const config = JSON.parse(String(made.body['kubeconfig']))
  t.equal(config['current-context'], `eve@dunlin-${hub.keys.fleet}`)
  t.equal(config.clusters[0].cluster.server, `https://${hub.server.address}`)
  const eve = { certificate: String(made.body['certificate']), key: String(made.body['key']) }
  t.match(await ask(hub, 'GET', '/dunlin/v1/join-tokens', eve), {
    status: 403,
    body: { message: /is for admins .*; you are "eve"/ },
  })
  hub.clock.time += 3 * day
  t.match(await ask(hub, 'GET', '/dunlin/v1/join-tokens', eve), { status: 401, body: { message: /of "eve" ended at/ } })
})

t.test('a user who is removed is shut out with every certificate, and may be made again', async t => {
  const hub = await aHub(t)
  const make = async () => {
    const { body } = await ask(hub, 'POST', '/dunlin/v1/users', hub.keys.admin, {
      user: 'eve',
      groups: ['dunlin:telemetry'],
    })
    return { certificate: String(body['certificate']), key: String(body['key']) }
  }
  const [first, second] = [await make(), await make()]
  t.match((await ask(hub, 'GET', '/dunlin/v1/users', hub.keys.admin)).body, {
    users: [{ user: 'eve' }, { user: 'eve' }],
  })
  t.match(await ask(hub, 'DELETE', '/dunlin/v1/users/eve', hub.keys.admin), { status: 200, body: { revoked: 2 } })
  t.strictSame(hub.shutOut, ['eve'])
  for (const by of [first, second])
    t.match(await ask(hub, 'GET', '/dunlin/v1/users', by), {
      status: 401,
      body: { message: /revoked at .*: the user was removed/ },
    })
  t.match(await ask(hub, 'DELETE', '/dunlin/v1/users/eve', hub.keys.admin), { status: 404 })
  await hub.reopen()
  t.equal((await ask(hub, 'GET', '/dunlin/v1/users', first)).status, 401)
  t.equal((await ask(hub, 'GET', '/dunlin/v1/users', await make())).status, 403)
})

t.test('every role at every door of identity: 403 with the reason, or 401 where nothing holds', async t => {
  const hub = await aHub(t)
  const stranger = await aHub(t)
  const notAfter = new Date(hub.clock.time + day)
  const device = await openIdentity({ stateFolder: `${t.testdirName}/device` })
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 60 })
  const { signal } = new AbortController()
  await enrol(device, { token: text, nodeName: 'kitchen', hostName: 'k', arch: 'arm64', labels: {}, signal })
  const removed = await openIdentity({ stateFolder: `${t.testdirName}/removed` })
  const second = await hub.identity.tokens.create({ ttlSeconds: 60 })
  await enrol(removed, { token: second.text, nodeName: 'cellar', hostName: 'c', arch: 'arm64', labels: {}, signal })
  await hub.identity.removeNode('cellar')
  await hub.objects.create('ServiceAccount', { metadata: { namespace: 'default', name: 'robot' } })
  const uid = hub.objects.get('ServiceAccount', { namespace: 'default', name: 'robot' })?.metadata.uid ?? ''
  const account = { namespace: 'default', name: 'robot', uid, audiences: [], expirationSeconds: 600 }
  const { token } = hub.identity.serviceAccounts.issue(account)
  const as = (name: string, groups: readonly string[]) => hub.keys.makeClient({ name, groups, notAfter })
  const of = (one: typeof device) => ({ certificate: one.tls().cert, key: one.tls().key })

  const callers: readonly [string, Credentials | undefined, string?][] = [
    ['admin', hub.keys.admin],
    ['viewer', as('vera', ['viewers'])],
    ['node', of(device)],
    ['telemetry', as('tom', ['dunlin:telemetry'])],
    ['serviceaccount', undefined, token],
    ['anonymous', undefined],
    ['revoked', of(removed)],
    ['other CA', stranger.keys.admin],
    [
      'hub',
      {
        certificate: `${hub.keys.server.certificate.split('-----END CERTIFICATE-----\n')[0]}-----END CERTIFICATE-----\n`,
        key: hub.keys.server.key,
      },
    ],
    ['forged token', undefined, `${token.slice(0, -4)}AAAA`],
  ]
  // 400, 404, 422: past the door, and stopped by what was (not) sent.
  const expected: { readonly [door: string]: readonly number[] } = {
    'POST enrol': [403, 403, 403, 403, 403, 400, 401, 401, 401, 401],
    'POST renew': [403, 403, 400, 403, 403, 400, 401, 401, 401, 401],
    'GET join-tokens': [200, 403, 403, 403, 403, 403, 401, 401, 401, 401],
    'POST join-tokens': [400, 403, 403, 403, 403, 403, 401, 401, 401, 401],
    'DELETE join-tokens/x': [404, 403, 403, 403, 403, 403, 401, 401, 401, 401],
    'POST users': [400, 403, 403, 403, 403, 403, 401, 401, 401, 401],
    'DELETE nodes/none': [404, 403, 403, 403, 403, 403, 401, 401, 401, 401],
  }
  for (const [door, statuses] of Object.entries(expected)) {
    const [method = '', path = ''] = door.split(' ')
    for (const [index, [who, credentials, bearer]] of callers.entries()) {
      const answer = await ask(hub, method, `/dunlin/v1/${path}`, credentials, undefined, bearer)
      t.equal(answer.status, statuses[index], `${door} by ${who}: ${answer.body['message']}`)
      if (answer.status === 403) t.match(answer.body['message'], /is for .*; you are "/)
    }
  }
  t.match(await ask(hub, 'GET', '/dunlin/v1/join-tokens', of(removed)), {
    body: { message: /revoked at .*: the node was removed/ },
  })
  t.match(await ask(hub, 'GET', '/dunlin/v1/join-tokens', stranger.keys.admin), {
    body: { message: /not by the CA of this fleet/ },
  })
})

t.test('a service account token ends with its time, its audience and its account', async t => {
  const hub = await aHub(t)
  const robot = { namespace: 'default', name: 'robot' }
  await hub.objects.create('ServiceAccount', { metadata: robot })
  const uid = hub.objects.get('ServiceAccount', robot)?.metadata.uid ?? ''
  const order = { ...robot, uid, audiences: [], expirationSeconds: 600 }
  const issued = hub.identity.serviceAccounts.issue(order)
  t.equal(issued.expirationTimestamp, new Date(hub.clock.time + 600_000).toISOString().replace('.000Z', 'Z'))
  const said = async (token: string) =>
    (await ask(hub, 'GET', '/dunlin/v1/join-tokens', undefined, undefined, token)).body['message']
  t.match(await said(issued.token), /you are "system:serviceaccount:default:robot"/)
  t.match(
    await said(hub.identity.serviceAccounts.issue({ ...order, audiences: ['vault'] }).token),
    /is for vault, not for this hub/,
  )
  t.match(await said('x.y.z'), /was not issued by this hub/)
  t.throws(() => hub.identity.serviceAccounts.issue({ ...order, expirationSeconds: 60 }), /less than 10 minutes/)
  hub.clock.time += 600_000
  t.match(await said(issued.token), /ended at/)
  const fresh = hub.identity.serviceAccounts.issue(order)
  await hub.objects.delete('ServiceAccount', robot)
  t.match(await said(fresh.token), /is void: the account was deleted/)
})

t.test('a hub restored from an older backup takes back a node that shows a valid certificate', async t => {
  const before = await aHub(t)
  const device = await openIdentity({ stateFolder: `${t.testdirName}/device` })
  const { text } = await before.identity.tokens.create({ ttlSeconds: 60, allowShell: true })
  const { signal } = new AbortController()
  const { node } = await enrol(device, {
    token: text,
    nodeName: 'kitchen',
    hostName: 'k',
    arch: 'arm64',
    labels: {},
    signal,
  })
  const after = await aHub(t, { keysFolder: before.keysFolder })
  t.equal(after.identity.node('kitchen'), undefined)
  const by = { certificate: device.tls().cert, key: device.tls().key }
  t.equal((await ask(after, 'GET', '/dunlin/v1/join-tokens', by)).status, 403, 'it is known at the door')
  await after.identity.close()
  const known = after.identity.node('kitchen')
  t.equal(known?.uid, node.uid)
  t.equal(known?.allowShell, true)
  t.ok(known?.signingKey.equals(device.signingPublicKey))
  t.ok(after.objects.get('Node', { namespace: '', name: 'kitchen' }))
})
