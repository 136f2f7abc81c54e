import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { always, issueCertificate } from '../../../src/hub/identity/certificates.ts'
import { makePrivateKey } from '../../../src/hub/identity/key-files.ts'
import { type Credentials, openKeys } from '../../../src/hub/identity/keys.ts'
import { aHub } from './a-hub.ts'

type Hub = Awaited<ReturnType<typeof aHub>>

/** A TLS connection with these credentials, resumed from `session` where one is given. */
const open = (hub: Hub, by: Credentials, session?: Buffer): Promise<{ socket: TLSSocket; ticket: Promise<Buffer> }> =>
  new Promise((resolve, reject) => {
    const [host, port] = hub.server.address.split(':')
    const material = { ca: hub.keys.ca.pem, cert: by.certificate, key: by.key }
    const socket = connect({ host, port: Number(port), ...material, ...(session && { session }) })
    const ticket = new Promise<Buffer>(done => socket.once('session', done))
    socket.once('secureConnect', () => resolve({ socket, ticket }))
    socket.once('error', reject)
  })

/** What the hub says on that connection: the status line and the message. */
const say = (socket: TLSSocket): Promise<string> =>
  new Promise(resolve => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.once('close', () => resolve(text))
    socket.write('GET /dunlin/v1/join-tokens HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n')
  })

t.test(
  'a resumed session is judged like a new one: known by its certificate, and out when that is revoked',
  async t => {
    const hub = await aHub(t)
    const order = { user: 'eve', groups: [], days: 1 }
    const { credentials } = await hub.identity.users.make(order)
    const first = await open(hub, credentials)
    const ticket = first.ticket
    t.match(await say(first.socket), /403[\s\S]*eve/)
    const second = await open(hub, credentials, await ticket)
    t.ok(second.socket.isSessionReused())
    t.match(await say(second.socket), /403[\s\S]*eve/)
    await hub.identity.users.revoke('eve')
    const third = await open(hub, credentials, await ticket)
    t.match(await say(third.socket), /401[\s\S]*was revoked at/)
  },
)

t.test('a certificate that ended is out on a resumed session too', async t => {
  const hub = await aHub(t)
  const { credentials } = await hub.identity.users.make({ user: 'eve', groups: [], days: 1 })
  const first = await open(hub, credentials)
  await say(first.socket)
  hub.clock.time += 2 * 86_400_000
  const second = await open(hub, credentials, await first.ticket)
  t.ok(second.socket.isSessionReused())
  t.match(await say(second.socket), /401[\s\S]*ended at/)
})

t.test('a CA that calls itself like ours is another CA', async t => {
  const hub = await aHub(t)
  const folder = mkdtempSync(`${tmpdir()}/dunlin-twin-`)
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/fleet-id`, hub.keys.fleet)
  const twin = await openKeys(folder, { now: () => hub.clock.time, randomBytes, names: [] })
  t.equal(twin.ca.certificate.subject, hub.keys.ca.certificate.subject)
  const { socket } = await open(hub, twin.admin)
  t.match(await say(socket), /401[\s\S]*not by the CA of this fleet/)
})

t.test('a certificate that a node made for itself with its own key is nobody', async t => {
  const hub = await aHub(t)
  const key = makePrivateKey('p256')
  const own = { name: 'system:node:attic', groups: ['system:nodes'] }
  const certificate = issueCertificate(
    { subject: own, privateKey: createPrivateKey(key) },
    {
      subject: { name: 'admin', groups: ['system:masters'] },
      publicKey: createPublicKey(key),
      ...always,
      purpose: 'client',
      serial: randomBytes(16),
    },
  )
  const { socket } = await open(hub, { certificate, key })
  t.match(await say(socket), /401[\s\S]*was issued by .*system:node:attic/)
})

t.test("a node's own certificate cannot sign others", async t => {
  const hub = await aHub(t)
  const node = hub.keys.makeClient({ name: 'system:node:attic', groups: ['system:nodes'], notAfter: always.notAfter })
  const key = makePrivateKey('p256')
  const certificate = issueCertificate(
    { subject: { name: 'system:node:attic', groups: ['system:nodes'] }, privateKey: createPrivateKey(node.key) },
    {
      subject: { name: 'admin', groups: ['system:masters'] },
      publicKey: createPublicKey(key),
      ...always,
      purpose: 'client',
      serial: randomBytes(16),
    },
  )
  const { socket } = await open(hub, { certificate: `${certificate}${node.certificate}`, key })
  t.match(await say(socket), /401[\s\S]*was issued by/)
})
