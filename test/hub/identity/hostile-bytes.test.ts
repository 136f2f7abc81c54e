import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { certificateRequest } from '../../../src/agent/identity/certificate-request.ts'
import { Fault } from '../../../src/api/fault.ts'
import { readCertificateRequest, toPem } from '../../../src/hub/identity/certificates.ts'
import { makePrivateKey } from '../../../src/hub/identity/key-files.ts'
import { nameFromHost, nodeNameWrong } from '../../../src/hub/identity/node-name.ts'
import { parseEnrolment, parseEnrolRequest, parsePublicKey, parseRenewRequest } from '../../../src/wire/enrolment.ts'
import { formatJoinToken, parseJoinToken } from '../../../src/wire/join-token.ts'
import { fails } from '../../support/fails.ts'
import fc from '../../support/fast-check.ts'

const key = createPrivateKey(makePrivateKey('p256'))
const request = certificateRequest(key, 'dunlin-agent')

/** Whether `act` returned, or refused with a Fault: nothing else may come out. */
const isRefusal = (act: () => unknown): boolean => {
  try {
    act()
    return true
  } catch (error) {
    return error instanceof Fault
  }
}

t.test('whatever a stranger sends is parsed or refused with a fault', async t => {
  const parsers = [parseEnrolRequest, parseRenewRequest, parseEnrolment]
  fc.assert(fc.property(fc.uint8Array(), bytes => parsers.every(parse => isRefusal(() => parse(bytes)))))
  fc.assert(
    fc.property(fc.jsonValue(), json =>
      parsers.every(parse => isRefusal(() => parse(Buffer.from(JSON.stringify(json))))),
    ),
  )
  fc.assert(fc.property(fc.string(), text => isRefusal(() => parseJoinToken(text))))
  fc.assert(fc.property(fc.string(), text => isRefusal(() => parsePublicKey(text, 'ed25519'))))
  fc.assert(
    fc.property(fc.uint8Array(), bytes => isRefusal(() => readCertificateRequest(toPem('CERTIFICATE REQUEST', bytes)))),
  )
  t.pass('nothing but faults came out')
})

t.test('a certificate request is the key that signed it, and no bit of it can be changed', async t => {
  t.ok(readCertificateRequest(request).equals(createPublicKey(key)))
  const bytes = Buffer.from(request.replaceAll(/-----.*-----|\n/g, ''), 'base64')
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    t.match(reasonOf(changed), /Malformed|Distrusted/, `byte ${at}`)
  }
})

const reasonOf = (bytes: Buffer): string => {
  try {
    readCertificateRequest(toPem('CERTIFICATE REQUEST', bytes))
    return 'taken'
  } catch (error) {
    return error instanceof Fault ? error.reason : String(error)
  }
}

t.test('a request for a key that is not on P-256 is refused', async t => {
  const other = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const wrong = certificateRequest(createPrivateKey(other.privateKey), 'x')
  await fails(t, () => readCertificateRequest(wrong), 'Malformed', /key is not on P-256/)
})

t.test('a join token is read as it was written', async t => {
  const digit = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567')
  const address = fc.oneof(
    fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65535 })).map(([host, port]) => `${host}:${port}`),
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 65535 })).map(([host, port]) => `[${host}]:${port}`),
  )
  const parts = {
    id: fc.string({ unit: digit, minLength: 8, maxLength: 8 }),
    secret: fc.string({ unit: digit, minLength: 26, maxLength: 26 }),
    pin: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('base64url')),
    addresses: fc.array(address, { minLength: 1, maxLength: 4 }),
  }
  const token = fc.record(parts, { noNullPrototype: true })
  fc.assert(
    fc.property(token, one => {
      t.strictSame(parseJoinToken(` ${formatJoinToken(one)}\n`), one)
    }),
    { numRuns: 50 },
  )
})

t.test('every host name gives a name that a node may have', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), host => nodeNameWrong(nameFromHost(host, 'c0ffee')) === undefined),
  )
  t.equal(nameFromHost('Raspberry Pi.local', 'c0ffee'), 'raspberry-pi-c0ff')
  t.equal(nameFromHost('...', 'c0ffee'), 'node-c0ff')
})
