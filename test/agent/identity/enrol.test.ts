import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { enrol, renew } from '../../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../../src/agent/identity/open-identity.ts'
import type { Node } from '../../../src/api/types.ts'
import { formatJoinToken, parseJoinToken } from '../../../src/wire/join-token.ts'
import { seal } from '../../../src/wire/seal.ts'
import { aHub, day } from '../../hub/identity/a-hub.ts'
import { fails } from '../../support/fails.ts'

const { signal } = new AbortController()
const device = { hostName: 'Raspberry Pi.local', arch: 'arm64', labels: { 'dunlin.io/rack': 'a' }, signal }

t.test('a device joins with a token: it gets a certificate for its key, and the hub gets a Node', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({
    ttlSeconds: 600,
    labels: { 'dunlin.io/site': 'barn' },
    allowShell: true,
  })
  const folder = t.testdir()
  const identity = await openIdentity({ stateFolder: folder })
  t.equal(identity.membership, undefined)
  const membership = await enrol(identity, { ...device, token: text })
  t.match(membership.node.name, /^raspberry-pi-[0-9a-f]{4}$/)
  t.equal(membership.fleet, hub.keys.fleet)
  t.equal(membership.allowShell, true)
  const certificate = new X509Certificate(membership.certificate)
  t.ok(certificate.checkPrivateKey(identity.tlsKey))
  t.match(certificate.subject, new RegExp(`O=system:nodes\nCN=system:node:${membership.node.name}`))

  const node = hub.objects.get<Node>('Node', { namespace: '', name: membership.node.name })
  t.equal(node?.metadata.uid, membership.node.uid)
  t.match(node?.metadata.labels, {
    'dunlin.io/site': 'barn',
    'dunlin.io/rack': 'a',
    'kubernetes.io/arch': 'arm64',
    'kubernetes.io/hostname': membership.node.name,
  })
  const known = hub.identity.node(membership.node.name)
  t.ok(known?.signingKey.equals(identity.signingPublicKey))
  t.equal(known?.uid, membership.node.uid)
  const context = Buffer.from('context')
  t.equal(
    String(identity.openSealed(seal(known!.sealingKey, Buffer.from('for your eyes'), context), context)),
    'for your eyes',
  )
  t.ok(identity.hubKey(hub.keys.signing.id)?.equals(hub.keys.signing.publicKey))

  for (const name of readdirSync(`${folder}/identity`))
    t.equal(statSync(`${folder}/identity/${name}`).mode & 0o777, 0o600, name)
  const again = await openIdentity({ stateFolder: folder })
  t.strictSame(again.membership, membership)
  t.equal(again.signer.id, identity.signer.id)
})

t.test('the answer may be lost: the same device may use its token again, no other may', async t => {
  const hub = await aHub(t)
  const { text, record } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const folder = t.testdir()
  const first = await enrol(await openIdentity({ stateFolder: folder }), { ...device, token: text })
  hub.clock.time += 3600_000
  const second = await enrol(await openIdentity({ stateFolder: folder }), { ...device, token: text })
  t.equal(second.node.uid, first.node.uid)
  const other = await openIdentity({ stateFolder: `${folder}/other` })
  await fails(
    t,
    enrol(other, { ...device, token: text }),
    'Unauthorized',
    new RegExp(`"${record.id}" was used at .* by node "raspberry`),
  )
  t.equal(other.membership, undefined)
})

t.test('a hub that fails in the middle of a join leaves nothing in the way of the next try', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const identity = await openIdentity({ stateFolder: t.testdir() })
  hub.failNextWrite()
  await fails(t, enrol(identity, { ...device, nodeName: 'kitchen', token: text }), 'Unavailable', /500/)
  t.equal(identity.membership, undefined)
  t.strictSame(hub.identity.nodes(), [])
  const joined = await enrol(identity, { ...device, nodeName: 'kitchen', token: text })
  t.equal(hub.identity.node('kitchen')?.uid, joined.node.uid)
})

t.test('of two devices that use one token at once, one joins', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const devices = await Promise.all(
    ['a', 'b', 'c'].map(name => openIdentity({ stateFolder: `${t.testdirName}/${name}` })),
  )
  const done = await Promise.allSettled(devices.map(one => enrol(one, { ...device, token: text })))
  t.equal(done.filter(one => one.status === 'fulfilled').length, 1)
  t.equal(hub.identity.nodes().length, 1)
})

t.test('a wrong token is refused with what is wrong with it', async t => {
  const hub = await aHub(t)
  const { text, record } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const token = parseJoinToken(text)
  const identity = await openIdentity({ stateFolder: t.testdir() })
  const join = (word: string) => enrol(identity, { ...device, token: word })
  await fails(t, join('hello'), 'Malformed', /must begin with "dunlin1\."/)
  await fails(t, join(text.replace('dunlin1', 'dunlin7')), 'Malformed', /form "dunlin7"; this agent knows dunlin1/)
  await fails(
    t,
    join(text.split('.').slice(0, 4).join('.')),
    'Malformed',
    /has 4 parts; expected 6: it was cut when it was copied$/,
  )
  const old = text.split('.').slice(0, 5).join('.')
  await fails(t, join(old), 'Malformed', /has 5 parts; expected 6: .* or it was made by a hub from before 0\.1\.0/)
  await fails(t, join(text.replace(token.secret, 'short')), 'Malformed', /secret has 5 characters; expected 26/)
  await fails(t, join(formatJoinToken({ ...token, secret: 'a'.repeat(26) })), 'Unauthorized', /not known here/)
  await fails(t, join(formatJoinToken({ ...token, id: 'aaaaaaaa' })), 'Unauthorized', /"aaaaaaaa" is not known here/)
  hub.clock.time += 601_000
  await fails(t, join(text), 'Unauthorized', new RegExp(`"${record.id}" expired at `))
  t.equal(hub.identity.nodes().length, 0)
})

t.test('a server that is not the hub of the token hears no secret', async t => {
  const hub = await aHub(t)
  const impostor = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const lured = formatJoinToken({ ...parseJoinToken(text), addresses: [impostor.server.address] })
  const identity = await openIdentity({ stateFolder: t.testdir() })
  await fails(
    t,
    enrol(identity, { ...device, token: lured }),
    'Distrusted',
    /not the hub of this join token: it shows a CA with pin/,
  )
  const both = formatJoinToken({
    ...parseJoinToken(text),
    addresses: ['127.0.0.1:1', impostor.server.address, hub.server.address],
  })
  t.ok((await enrol(identity, { ...device, token: both })).node.name, 'the next address is tried')
})

t.test('a hub that is not there is named with every address that was tried', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const nowhere = formatJoinToken({ ...parseJoinToken(text), addresses: ['127.0.0.1:1', '[::1]:1'] })
  const identity = await openIdentity({ stateFolder: t.testdir() })
  await fails(
    t,
    enrol(identity, { ...device, token: nowhere }),
    'Unavailable',
    /127\.0\.0\.1:1: .*ECONNREFUSED.*\[::1\]:1/,
  )
})

t.test("a node may not claim another's name, unless the token moves it", async t => {
  const hub = await aHub(t)
  const make = (order: { node?: string; replace?: boolean }) =>
    hub.identity.tokens.create({ ttlSeconds: 600, ...order })
  const board = async (name: string) => openIdentity({ stateFolder: `${t.testdirName}/${name}` })
  const first = await board('first')
  const joined = await enrol(first, { ...device, nodeName: 'kitchen', token: (await make({})).text })

  const second = await board('second')
  const plain = (await make({})).text
  await fails(
    t,
    enrol(second, { ...device, nodeName: 'kitchen', token: plain }),
    'Forbidden',
    /"kitchen" is another board's .*--node kitchen --replace/,
  )
  await fails(
    t,
    enrol(second, { ...device, nodeName: 'cellar', token: (await make({ node: 'attic' })).text }),
    'Forbidden',
    /is for node "attic"/,
  )
  await fails(
    t,
    enrol(second, { ...device, nodeName: 'Not a name', token: plain }),
    'Invalid',
    /"Not a name" is no name for a node/,
  )

  const moved = await enrol(second, { ...device, token: (await make({ node: 'kitchen', replace: true })).text })
  t.equal(moved.node.uid, joined.node.uid, 'it is the same node, on another board')
  t.strictSame(hub.shutOut, ['system:node:kitchen'])
  t.ok(hub.identity.node('kitchen')?.signingKey.equals(second.signingPublicKey))
  await fails(t, renew(first, signal), 'Unauthorized', /revoked at .*: its name moved to another board/)
})

t.test('a device may not give itself labels of Kubernetes', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const identity = await openIdentity({ stateFolder: t.testdir() })
  const labels = { 'node-role.kubernetes.io/control-plane': '' }
  await fails(
    t,
    enrol(identity, { ...device, labels, token: text }),
    'Invalid',
    /may not set it; put it on the join token/,
  )
})

t.test('a certificate is renewed before it ends, and still long after', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const folder = t.testdir()
  const identity = await openIdentity({ stateFolder: folder })
  const joined = await enrol(identity, { ...device, token: text })
  t.notOk(identity.isRenewalDue(hub.clock.time + 200 * day))
  t.ok(identity.isRenewalDue(hub.clock.time + 250 * day))
  t.notOk(identity.isRenewalDue(0), 'a clock at 1970 is no reason')
  for (const days of [250, 900]) {
    hub.clock.time += days * day
    const fresh = await renew(identity, signal)
    t.not(fresh.certificate, joined.certificate)
    t.equal(fresh.node.uid, joined.node.uid)
    t.notOk(identity.isRenewalDue(hub.clock.time))
  }
  t.strictSame((await openIdentity({ stateFolder: folder })).membership, identity.membership)
})

t.test('a node that was removed cannot renew, and can join again with a new token', async t => {
  const hub = await aHub(t)
  const token = async () => (await hub.identity.tokens.create({ ttlSeconds: 600 })).text
  const identity = await openIdentity({ stateFolder: t.testdir() })
  const first = await token()
  const { node } = await enrol(identity, { ...device, nodeName: 'kitchen', token: first })
  await hub.identity.removeNode('kitchen')
  t.equal(hub.identity.node('kitchen'), undefined)
  t.equal(hub.objects.get('Node', { namespace: '', name: 'kitchen' }), undefined)
  t.strictSame(hub.shutOut, ['system:node:kitchen'])
  await fails(t, renew(identity, signal), 'Unauthorized', /revoked at .*: the node was removed/)
  await fails(t, enrol(identity, { ...device, nodeName: 'kitchen', token: first }), 'Unauthorized', /not known here/)
  await fails(t, hub.identity.removeNode('kitchen'), 'NotFound', /nodes "kitchen" not found/)

  const again = await enrol(identity, { ...device, nodeName: 'kitchen', token: await token() })
  t.not(again.node.uid, node.uid)
  t.ok(await renew(identity, signal))
})

t.test('what was written before a hub stops is there when it starts again', async t => {
  const hub = await aHub(t)
  const { text } = await hub.identity.tokens.create({ ttlSeconds: 600 })
  hub.clock.time += 1000
  const open = await hub.identity.tokens.create({ ttlSeconds: 600 })
  const identity = await openIdentity({ stateFolder: t.testdir() })
  const { node } = await enrol(identity, { ...device, nodeName: 'kitchen', token: text })
  await hub.reopen()
  t.equal(hub.identity.node('kitchen')?.uid, node.uid)
  t.strictSame(
    hub.identity.tokens.list().map(one => one.used?.node),
    ['kitchen', undefined],
  )
  t.equal(hub.identity.tokens.list()[1]?.id, open.record.id)
  await hub.identity.removeNode('kitchen')
  await hub.reopen()
  await fails(t, renew(identity, signal), 'Unauthorized', /revoked/)
})

t.test('an identity that is damaged is named, never replaced', async t => {
  for (const [name, text, message] of [
    ['tls.key', '', /tls\.key cannot be used/],
    ['membership.json', '{"format":9}', /membership\.json cannot be read: .* format 9; expected 1; delete it and join/],
  ] as const) {
    const folder = t.testdir()
    await openIdentity({ stateFolder: folder })
    writeFileSync(`${folder}/identity/${name}`, text)
    await fails(t, openIdentity({ stateFolder: folder }), 'Machine', message)
    t.equal(readFileSync(`${folder}/identity/${name}`, 'utf8'), text)
  }
})
