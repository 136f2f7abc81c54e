import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { isIssuedBy } from '../../../src/hub/identity/certificates.ts'
import { openKeys } from '../../../src/hub/identity/keys.ts'
import { hubServerName } from '../../../src/wire/enrolment.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'

const start = Date.parse('2026-11-24T12:00:00Z')
const day = 86_400_000
const sources = { now: () => start, randomBytes, names: ['hub.lan', '192.0.2.7', 'fd00::2'] }

t.test('the first start mints every key, readable by the owner alone', async t => {
  const folder = `${folderOf(t)}/keys`
  const keys = await openKeys(folder, sources)
  t.match(keys.fleet, /^[a-z2-7]{10}$/)
  t.equal(keys.ticketKeys.length, 48)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const names = readdirSync(folder).toSorted()
  t.strictSame(names, [
    'admin.crt',
    'admin.key',
    'at-rest.json',
    'ca.crt',
    'ca.key',
    'fleet-id',
    'format',
    'server.crt',
    'server.key',
    'signing.key',
    'tickets.key',
  ])
  for (const name of names) t.equal(statSync(`${folder}/${name}`).mode & 0o777, 0o600, name)
})

t.test('a second start finds the same keys and writes nothing', async t => {
  const folder = folderOf(t)
  const first = await openKeys(folder, sources)
  const before = readdirSync(folder).map(name => readFileSync(`${folder}/${name}`, 'utf8'))
  const second = await openKeys(folder, sources)
  t.equal(second.fleet, first.fleet)
  t.equal(second.ca.pin, first.ca.pin)
  t.equal(second.signing.id, first.signing.id)
  t.strictSame(
    readdirSync(folder).map(name => readFileSync(`${folder}/${name}`, 'utf8')),
    before,
  )
})

t.test('a first start that was cut short after any file goes on where it stopped', async t => {
  const whole = folderOf(t)
  await openKeys(whole, sources)
  const written = ['fleet-id', 'ca.key', 'ca.crt', 'signing.key', 'at-rest.json', 'tickets.key']
  const order = [...written, 'server.key', 'server.crt', 'admin.key', 'admin.crt', 'format']
  for (const [count, last] of order.entries()) {
    const folder = mkdtempSync(`${whole}-cut-`)
    const kept = order.slice(0, count + 1)
    for (const name of kept) copyFileSync(`${whole}/${name}`, `${folder}/${name}`)
    const keys = await openKeys(folder, sources)
    t.ok(isIssuedBy(new X509Certificate(keys.server.certificate), keys.ca.certificate), last)
    for (const name of kept.filter(name => name !== 'admin.key'))
      t.equal(
        readFileSync(`${folder}/${name}`, 'utf8'),
        readFileSync(`${whole}/${name}`, 'utf8'),
        `${name} after ${last}`,
      )
    rmSync(folder, { recursive: true })
  }
})

t.test('the CA and the hub certificate hold from 1970 to 9999, by the rules of X.509 for dates', async t => {
  const keys = await openKeys(folderOf(t), sources)
  const server = new X509Certificate(keys.server.certificate)
  for (const certificate of [keys.ca.certificate, server]) {
    t.equal(certificate.validFromDate.getTime(), 0)
    t.equal(certificate.validToDate.toISOString(), '9999-12-31T23:59:59.000Z')
    t.ok(certificate.raw.includes('99991231235959Z'), 'as GeneralizedTime')
  }
  t.ok(server.verify(keys.ca.certificate.publicKey))
  for (const host of ['localhost', 'hub.lan', hubServerName]) t.ok(server.checkHost(host), host)
  for (const address of ['127.0.0.1', '::1', '192.0.2.7', 'fd00::2']) t.ok(server.checkIP(address), address)
})

t.test('the hub certificate is made anew when its names change, with the same key', async t => {
  const folder = folderOf(t)
  const first = await openKeys(folder, sources)
  const second = await openKeys(folder, { ...sources, names: ['192.0.2.8'] })
  const server = new X509Certificate(second.server.certificate)
  t.ok(server.checkIP('192.0.2.8'))
  t.notOk(server.checkIP('192.0.2.7'))
  t.equal(second.server.key, first.server.key)
})

t.test('a hub that runs takes new names into its certificate, and writes nothing while they are the same', async t => {
  const folder = folderOf(t)
  const keys = await openKeys(folder, sources)
  const before = keys.server.certificate
  t.equal(await keys.useNames(sources.names), false)
  t.equal(await keys.useNames(['192.0.2.9']), true)
  t.not(keys.server.certificate, before)
  t.ok(new X509Certificate(keys.server.certificate).checkIP('192.0.2.9'))
  t.ok(keys.server.certificate.endsWith(keys.ca.pem), 'the CA is shown with it')
})

t.test('the admin certificate names system:masters and is made anew before it ends', async t => {
  const folder = folderOf(t)
  const first = await openKeys(folder, sources)
  const certificate = new X509Certificate(first.admin.certificate)
  t.match(certificate.subject, /O=system:masters\nCN=admin/)
  t.ok(certificate.checkPrivateKey(createPrivateKey(first.admin.key)))
  const soon = await openKeys(folder, { ...sources, now: () => start + 200 * day })
  t.equal(soon.admin.certificate, first.admin.certificate)
  const late = await openKeys(folder, { ...sources, now: () => start + 300 * day })
  t.not(late.admin.certificate, first.admin.certificate)
})

t.test('values sealed at rest open under old keys, in their own place, unchanged, and nowhere else', async t => {
  const folder = folderOf(t)
  const keys = await openKeys(folder, sources)
  const secret = Buffer.from('s3cret')
  const old = keys.atRest.seal(secret, '/core/secrets/default/a')
  t.notOk(Buffer.from(old).includes('s3cret'))
  await keys.rotateAtRest()
  const fresh = keys.atRest.seal(secret, '/core/secrets/default/a')
  t.not(Buffer.from(fresh).readUInt32BE(1), Buffer.from(old).readUInt32BE(1))
  const again = await openKeys(folder, sources)
  for (const sealed of [old, fresh])
    t.strictSame(Buffer.from(again.atRest.open(sealed, '/core/secrets/default/a')), secret)
  await fails(t, () => keys.atRest.open(old, '/core/secrets/default/b'), 'Malformed')
  for (let at = 0; at < old.length; at += 1) {
    const changed = Buffer.from(old)
    changed[at] = (changed[at] ?? 0) ^ 1
    await fails(t, () => keys.atRest.open(changed, '/core/secrets/default/a'), 'Malformed')
  }
  await fails(t, () => keys.atRest.open(Buffer.from('x'), 'c'), 'Malformed')
})

t.test('at-rest keys are half a year old at most', async t => {
  const folder = folderOf(t)
  await openKeys(folder, sources)
  const later = await openKeys(folder, { ...sources, now: () => start + 181 * day })
  t.equal(Buffer.from(later.atRest.seal(Buffer.alloc(0), 'c')).readUInt32BE(1), 2)
})

t.test('keys that are missing or do not belong together are named, not replaced', async t => {
  const cases: readonly [string, (folder: string) => void, RegExp][] = [
    ['the CA key is gone', folder => rmSync(`${folder}/ca.key`), /ca\.key is not; restore/],
    [
      'the CA key is another',
      folder => {
        const pair = generateKeyPairSync('ec', {
          namedCurve: 'P-256',
          publicKeyEncoding: { type: 'spki', format: 'pem' },
          privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
        })
        writeFileSync(`${folder}/ca.key`, pair.privateKey)
      },
      /do not belong together/,
    ],
    ['the fleet id is another', folder => writeFileSync(`${folder}/fleet-id`, 'aaaaaaaaaa\n'), /fleet aaaaaaaaaa/],
    ['a key is cut', folder => writeFileSync(`${folder}/signing.key`, ''), /signing\.key holds no private key/],
    ['a newer hub was here', folder => writeFileSync(`${folder}/format`, '2\n'), /says 2; this hub knows 1/],
    ['at-rest keys are no JSON', folder => writeFileSync(`${folder}/at-rest.json`, '{'), /at-rest\.json is not JSON/],
    [
      'at-rest keys are cut',
      folder => writeFileSync(`${folder}/at-rest.json`, '{"keys":[{"id":1,"key":"AA==","made":"2026-01-01"}]}'),
      /keys\[0\] is not/,
    ],
    ['the fleet id is odd', folder => writeFileSync(`${folder}/fleet-id`, 'A'), /holds "A"; expected ten characters/],
  ]
  for (const [name, change, message] of cases) {
    const folder = folderOf(t)
    await openKeys(folder, sources)
    change(folder)
    t.comment(name)
    await fails(t, openKeys(folder, sources), 'Machine', message)
  }
})

t.test('a TLS server with these keys is verified by a client that trusts the CA alone', async t => {
  const keys = await openKeys(folderOf(t), sources)
  const server = createServer({
    key: keys.server.key,
    cert: keys.server.certificate,
    ca: keys.ca.pem,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const seen = new Promise<TLSSocket>(resolve => server.once('secureConnection', resolve))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = connect({
    port,
    host: '127.0.0.1',
    servername: hubServerName,
    ca: keys.ca.pem,
    key: keys.admin.key,
    cert: keys.admin.certificate,
  })
  await new Promise<void>((resolve, reject) => client.once('secureConnect', resolve).once('error', reject))
  const socket = await seen
  t.ok(client.authorized)
  t.ok(socket.authorized, String(socket.authorizationError))
  t.equal(socket.getPeerX509Certificate()?.subject, 'O=system:masters\nCN=admin')
  t.equal(createPublicKey(keys.admin.key).asymmetricKeyDetails?.namedCurve, 'prime256v1')
  client.destroy()
  await new Promise<void>(resolve => server.close(() => resolve()))
})
