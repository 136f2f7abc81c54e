import t from 'tap'
import {
  configKey,
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  envVarName,
  isIPv4,
  isIPv6,
  labelValue,
  type NameRule,
  pathSegment,
  portName,
  portNumber,
  qualifiedName,
} from '../../src/api/names.ts'

const long = (length: number): string => 'a'.repeat(length)

const table: readonly (readonly [string, NameRule, readonly string[], readonly string[]])[] = [
  ['DNS label', dnsLabel, ['a', '1', 'a-1', long(63)], ['', '-a', 'a-', 'A', 'a.b', 'a_b', long(64), 'a\n']],
  [
    'DNS subdomain',
    dnsSubdomain,
    ['a', 'a.b', '1.2', 'a-b.c', long(253)],
    ['', 'a..b', '.a', 'a.', 'A.b', 'a.-b', long(254)],
  ],
  ['DNS-1035 label', dns1035Label, ['a', 'a1', 'a-1'], ['1a', '', 'a.b', 'A', long(64)]],
  ['path segment', pathSegment, ['system:node:x', 'a b'], ['.', '..', 'a/b', 'a%2f']],
  [
    'qualified name',
    qualifiedName,
    ['a', 'A_b.c-9', 'example.com/A', long(63)],
    ['', '/a', 'a/', 'a/b/c', 'A.com/', 'a b', '-a', long(64), 'Example/a'],
  ],
  ['label value', labelValue, ['', 'a', 'A_b.c', long(63)], ['-', 'a-', 'a/b', 'a b', long(64)]],
  ['environment name', envVarName, ['A', 'a.b-c', '1 x'], ['', 'a=b', 'ä', 'a\nb']],
  ['config key', configKey, ['a', '.a', 'a.b_c-D'], ['', '.', '..', '..a', 'a/b', long(254)]],
  ['port name', portName, ['http', 'a-1', '1a'], ['', '80', 'a--b', '-a', 'a-', 'HTTP', long(16)]],
  [
    'IPv4 address',
    text => (isIPv4(text) ? undefined : 'no'),
    ['1.2.3.4', '255.0.0.255'],
    ['1.2.3', '256.1.1.1', '01.2.3.4', '1.2.3.4.', '1.2.3.4.5'],
  ],
  [
    'IPv6 address',
    text => (isIPv6(text) ? undefined : 'no'),
    ['::', '::1', '1:2:3:4:5:6:7:8', 'fe80::1', '::ffff:1.2.3.4', '1::'],
    ['', ':', '1:2', '1::2::3', '12345::', '1:2:3:4:5:6:7:8:9', '1.2.3.4', '::1%eth0', ':1:2:3:4:5:6:7:8'],
  ],
]

for (const [what, rule, good, bad] of table) {
  t.test(`${what}: what is one and what is not`, async t => {
    for (const text of good) t.equal(rule(text), undefined, JSON.stringify(text))
    for (const text of bad) t.type(rule(text), 'string', JSON.stringify(text))
  })
}

t.test('a port number lies between 1 and 65535', async t => {
  for (const port of [1, 80, 65535]) t.equal(portNumber(port), undefined)
  for (const port of [0, -1, 65536, 1.5]) t.equal(portNumber(port), 'must be between 1 and 65535, inclusive')
})

t.test('the reason is in Kubernetes’ words', async t => {
  t.equal(
    dnsSubdomain('Web_1'),
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  )
})
