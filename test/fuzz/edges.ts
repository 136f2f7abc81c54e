import { Buffer } from 'node:buffer'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { agentSettings, readAgentConfig } from '../../src/agent/config.ts'
import { parseJoinFile } from '../../src/agent/first-boot/join-file.ts'
import { certificateRequest } from '../../src/agent/identity/certificate-request.ts'
import { parseAccounts } from '../../src/agent/sessions/accounts.ts'
import { parsePolicy } from '../../src/agent/sessions/parse-policy.ts'
import { type BodyKind, parseBody, parseSent } from '../../src/api/body.ts'
import { parseDuration } from '../../src/api/duration.ts'
import { applyPatch, patchTypes } from '../../src/api/patch/apply-patch.ts'
import { decodeProtobuf } from '../../src/api/protobuf.ts'
import { parseQuantity, tryParseQuantity } from '../../src/api/quantity.ts'
import { parseFieldSelector, parseSelector } from '../../src/api/selector.ts'
import { parseStrictJson } from '../../src/api/strict-json.ts'
import { parseYaml } from '../../src/api/yaml.ts'
import { parseBoard } from '../../src/cli/install/board.ts'
import { readContext } from '../../src/cli/kubeconfig.ts'
import { kubeOptions } from '../../src/cli/options.ts'
import { parseWords } from '../../src/cli/parse-words.ts'
import { usualPolicy } from '../../src/core/access/device-policy.ts'
import { parseThrottled } from '../../src/core/nodes/board.ts'
import { parseCidr, parseIp } from '../../src/core/services/cidr.ts'
import { parseRange } from '../../src/core/services/ranges.ts'
import { parseBackupFacts } from '../../src/hub/backup.ts'
import { readHubConfig } from '../../src/hub/config.ts'
import {
  always,
  issueCertificate,
  readCertificate,
  readCertificateRequest,
} from '../../src/hub/identity/certificates.ts'
import { makePrivateKey, readPrivateKey } from '../../src/hub/identity/key-files.ts'
import { parseTokenOrder, parseUserOrder } from '../../src/hub/identity/parse-orders.ts'
import { parseRecord } from '../../src/hub/identity/parse-record.ts'
import { chooseRepresentation, parseAccept } from '../../src/hub/rest/accept.ts'
import { isDryRun, queryFlag, queryNumber } from '../../src/hub/rest/query.ts'
import { parsePath } from '../../src/hub/rest/route.ts'
import { readDer } from '../../src/lib/der.ts'
import { parseQuery, readName, readRecords } from '../../src/netproxy/dns/message.ts'
import { readTable } from '../../src/netproxy/read-table.ts'
import { parseJson as parseEngineJson, refusal } from '../../src/runtime-podman/client.ts'
import { parseLogLine } from '../../src/runtime-podman/logs/log-line.ts'
import { parseInspected, parseListed } from '../../src/runtime-podman/observed.ts'
import { listOf } from '../../src/runtime-podman/parse.ts'
import {
  parseEnrolCheck,
  parseEnrolChecked,
  parseEnrolment,
  parseEnrolRequest,
  parsePublicKey,
  parseRenewRequest,
} from '../../src/wire/enrolment.ts'
import { formatJoinToken, parseAddress, parseJoinToken } from '../../src/wire/join-token.ts'
import { bytesEdge, type Edge, jsonEdge, textEdge } from './edge.ts'
import { mostYaml } from './hostile.ts'
import { eachOf, wireEdges } from './wire-edges.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
  spec: {
    containers: [
      { name: 'web', image: 'web:1', env: [{ name: 'A', value: 'b' }], resources: { limits: { cpu: '500m' } } },
    ],
    terminationGracePeriodSeconds: 30,
  },
}
const podKind: BodyKind = { group: '', version: 'v1', kind: 'Pod', schema: 'Pod' }
const strict = { fieldValidation: 'Strict' } as const
const podYaml = `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n    - &one {name: web, image: "web:1"}\n---\n`

const tlsKey = makePrivateKey('p256')
const request = certificateRequest(createPrivateKey(tlsKey), 'dunlin-agent')
const authority = { subject: { name: 'ca', groups: [] }, privateKey: createPrivateKey(tlsKey) }
const certificate = issueCertificate(authority, {
  subject: authority.subject,
  publicKey: createPublicKey(tlsKey),
  ...always,
  purpose: 'authority',
  serial: new Uint8Array(16).fill(1),
})
const spki = createPublicKey(makePrivateKey('ed25519')).export({ type: 'spki', format: 'der' })
const token = formatJoinToken({
  id: 'abcdefgh',
  secret: 'a'.repeat(26),
  pin: 'A'.repeat(43),
  addresses: ['hub.lan:6443', '[fe80::1]:6443'],
})

/** One question for web.default.svc.cluster.local, A, with EDNS; and an answer that points back into it. */
const question = Buffer.concat([
  Buffer.from('1234010000010000000000010377656207636c7573746572056c6f63616c0000010001', 'hex'),
  Buffer.from('0000291000000000000000', 'hex'),
])
const answer = Buffer.from(
  '1234818000010001000000000377656207636c7573746572056c6f63616c0000010001c00c000100010000001e00040a600001',
  'hex',
)
const unsigned = Buffer.from(protobufOf('v1', 'Pod', Buffer.from('0a050a03776562', 'hex')))

const container = {
  Id: 'e'.repeat(64),
  Image: 'i',
  ImageID: 'i',
  Labels: { 'dunlin.io/uid': 'u', 'dunlin.io/container': 'c', 'dunlin.io/attempt': '0' },
  Config: { Labels: { 'dunlin.io/uid': 'u', 'dunlin.io/container': 'c', 'dunlin.io/attempt': '0' } },
}
const inspected = { ...container, State: { Status: 'running', ExitCode: 0, StartedAt: '2026-11-24T12:00:00Z', Pid: 1 } }
const listed = { ...container, State: 'running', ExitCode: 0, StartedAt: 1, ExitedAt: -62135596800, Pid: 1 }

const kubeconfig = {
  'current-context': 'a',
  contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }],
  clusters: [{ name: 'c', cluster: { server: 'https://hub:6443', 'certificate-authority-data': 'YQ==' } }],
  users: [{ name: 'u', user: { token: 't' } }],
}

const settingsFile = (text: string) => ({
  argv: ['--config', 'f'],
  env: {},
  readFile: () => text,
  parseYaml: (yaml: string): unknown => parseYaml(yaml).at(0)?.value,
})

/** Every parser where something comes in from outside, by the side from which it comes. */
export const edges: readonly Edge[] = [
  ...wireEdges,

  textEdge('API: strict JSON', ['api/strict-json.ts parseStrictJson'], [JSON.stringify(pod)], parseStrictJson),
  textEdge('API: YAML', ['api/yaml.ts parseYaml'], [podYaml], parseYaml, { mostText: mostYaml }),
  jsonEdge('API: manifest', ['api/body.ts parseBody', 'api/body.ts readManifest'], [pod], text =>
    parseBody({ bytes: Buffer.from(text), contentType: 'application/json', kind: podKind, ...strict }),
  ),
  textEdge(
    'API: manifest as YAML',
    ['api/body.ts parseBody'],
    [podYaml],
    text => parseBody({ bytes: Buffer.from(text), contentType: 'application/yaml', kind: podKind, ...strict }),
    { mostText: mostYaml },
  ),
  jsonEdge('API: what is sent but not stored', ['api/body.ts parseSent'], [{ gracePeriodSeconds: 5 }], text =>
    parseSent('DeleteOptions', { bytes: Buffer.from(text), contentType: undefined, ...strict }),
  ),
  bytesEdge('API: protobuf', ['api/protobuf.ts decodeProtobuf'], [unsigned], bytes =>
    decodeProtobuf(bytes, (_, kind) => kind),
  ),
  ...patchTypes.map(contentType =>
    jsonEdge(
      `API: ${contentType}`,
      ['api/patch/apply-patch.ts applyPatch'],
      contentType === 'application/json-patch+json'
        ? [
            [{ op: 'replace', path: '/metadata/labels/app', value: 'x' }],
            [{ op: 'add', path: '/metadata/labels/b', value: 'c' }],
          ]
        : [{ ...pod, spec: { containers: [{ name: 'web', $patch: 'merge' }], $setElementOrder: null } }, pod],
      text =>
        applyPatch({
          kind: podKind,
          contentType,
          current: { ...pod, metadata: { ...pod.metadata } },
          patch: Buffer.from(text),
          fieldValidation: 'Ignore',
        }),
    ),
  ),
  textEdge(
    'API: label selector',
    ['api/selector.ts parseSelector'],
    ['a=b,c!=d', 'a in (x,y),!b', 'c notin (z),d>1'],
    parseSelector,
  ),
  textEdge(
    'API: field selector',
    ['api/selector.ts parseFieldSelector'],
    ['metadata.name=a\\,b,x!=y'],
    parseFieldSelector,
  ),
  textEdge('API: quantity', ['api/quantity.ts parseQuantity'], ['500m', '1.5Gi', '-1e3', '.5'], parseQuantity),
  textEdge('API: quantity or not', ['api/quantity.ts tryParseQuantity'], ['12Ei'], tryParseQuantity),
  textEdge('API: duration', ['api/duration.ts parseDuration'], ['1h2m3.5s', '-1.5h', '0'], parseDuration),
  textEdge(
    'API: path',
    ['hub/rest/route.ts parsePath'],
    ['/api/v1/namespaces/default/pods/web/log', '/apis/apps/v1/deployments', '/api/v1/nodes/a/proxy/x//y'],
    parsePath,
  ),
  textEdge('API: query', ['hub/rest/query.ts queryNumber'], ['limit=1&dryRun=All&follow=true'], text => {
    const query = new URLSearchParams(text)
    return [queryNumber(query, 'limit'), isDryRun(query.getAll('dryRun')), queryFlag(query, 'follow')]
  }),
  textEdge(
    'API: Accept',
    ['hub/rest/accept.ts parseAccept'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json'],
    text => [parseAccept(text), chooseRepresentation(text)],
  ),

  jsonEdge(
    'identity: enrolment',
    ['parseEnrolRequest', 'parseRenewRequest', 'parseEnrolment', 'parseEnrolCheck', 'parseEnrolChecked'].map(
      name => `wire/enrolment.ts ${name}`,
    ),
    [{ format: 1, certificate: 'c', request: 'r' }],
    text => {
      const body = Buffer.from(text)
      return eachOf([
        () => parseEnrolRequest(body),
        () => parseEnrolment(body),
        () => parseRenewRequest(body),
        () => parseEnrolCheck(body),
        () => parseEnrolChecked(body),
      ])
    },
  ),
  jsonEdge(
    'identity: orders',
    ['parseUserOrder', 'parseTokenOrder'].map(name => `hub/identity/parse-orders.ts ${name}`),
    [{ user: 'ann', groups: ['ops'], days: 3, ttlSeconds: 60, labels: { a: 'b' } }],
    text => eachOf([() => parseUserOrder(Buffer.from(text)), () => parseTokenOrder(Buffer.from(text))]),
  ),
  textEdge('identity: join token', ['wire/join-token.ts parseJoinToken'], [token], parseJoinToken),
  textEdge(
    'first boot: join file',
    ['agent/first-boot/join-file.ts parseJoinFile'],
    [JSON.stringify({ token, name: 'barn', labels: { a: 'b' } })],
    parseJoinFile,
  ),
  textEdge(
    'install: a board over ssh',
    ['cli/install/board.ts parseBoard'],
    ['dunlin machine=aarch64\ndunlin uid=0\ndunlin folder=/tmp/dunlin-install.Ab12Cd\n'],
    parseBoard,
  ),
  textEdge('board: throttled', ['core/nodes/board.ts parseThrottled'], ['50005\n', '0x0'], parseThrottled),
  textEdge('identity: address', ['wire/join-token.ts parseAddress'], ['hub.lan:6443', '[::1]:1'], parseAddress),
  textEdge('identity: public key', ['wire/enrolment.ts parsePublicKey'], [spki.toString('base64')], text =>
    parsePublicKey(text, 'ed25519'),
  ),
  textEdge(
    'identity: certificate request',
    ['hub/identity/certificates.ts readCertificateRequest'],
    [request],
    readCertificateRequest,
  ),
  textEdge('identity: private key', ['hub/identity/key-files.ts readPrivateKey'], [tlsKey], text =>
    readPrivateKey(text, 'a.key'),
  ),
  textEdge('identity: certificate', ['hub/identity/certificates.ts readCertificate'], [certificate], text =>
    readCertificate(text, 'a.crt'),
  ),
  bytesEdge('identity: DER', ['lib/der.ts readDer'], [spki], readDer, {
    alsoThrows: { type: 'RangeError', caughtBy: 'src/hub/identity/certificates.ts' },
  }),
  jsonEdge(
    'identity: stored record',
    ['hub/identity/parse-record.ts parseRecord'],
    [{ format: 1, id: 'a', labels: {} }],
    text => {
      const fields = parseRecord(parseEngineJson(text, 'record'))
      return [fields.format(), fields.text('id'), fields.texts('labels'), fields.flag('x')]
    },
    { alsoThrows: { type: 'RangeError', caughtBy: 'src/hub/identity/parse-orders.ts' } },
  ),
  jsonEdge(
    'backup: backup.json',
    ['hub/backup.ts parseBackupFacts'],
    [{ format: 1, fleet: 'f', incarnation: 1, revision: 1, taken: '2026-11-24T12:00:00Z' }],
    parseBackupFacts,
    { alsoThrows: { type: 'SyntaxError', caughtBy: 'src/hub/restore.ts' } },
  ),

  bytesEdge(
    'DNS: question',
    ['netproxy/dns/message.ts parseQuery', 'netproxy/dns/message.ts readName'],
    [question],
    bytes => [parseQuery(bytes), readName(bytes, 12)],
  ),
  bytesEdge('DNS: answer from upstream', ['netproxy/dns/message.ts readRecords'], [answer], readRecords),
  jsonEdge(
    'network: nft’s listing',
    ['netproxy/read-table.ts readTable'],
    [{ nftables: [{ map: { name: 'services', elem: [[{ concat: ['tcp', 80] }, { goto: { target: 'to-a' } }]] } }] }],
    readTable,
  ),
  textEdge(
    'network: address and range',
    ['core/services/cidr.ts parseIp', 'core/services/cidr.ts parseCidr', 'core/services/ranges.ts parseRange'],
    ['10.64.0.0/25'],
    text => [parseIp(text), parseCidr(text), parseRange(text)],
  ),

  jsonEdge(
    'Podman: containers',
    ['runtime-podman/observed.ts parseListed', 'runtime-podman/client.ts parseJson'],
    [[listed]],
    text => listOf(parseEngineJson(text, 'list'), 'the list').map(parseListed),
  ),
  jsonEdge('Podman: one container', ['runtime-podman/observed.ts parseInspected'], [inspected], text =>
    parseInspected(parseEngineJson(text, 'look')),
  ),
  jsonEdge(
    'Podman: an error',
    ['runtime-podman/client.ts parseJson'],
    [{ cause: 'c', message: 'm', response: 500 }],
    text => refusal({ doing: 'ask' }, { status: 500, text }),
  ),
  bytesEdge(
    'Podman: log line',
    ['runtime-podman/logs/log-line.ts parseLogLine'],
    [Buffer.from('2026-11-24T13:31:58.141042854+01:00 stdout F hi')],
    parseLogLine,
  ),

  textEdge(
    'agent: policy of the device',
    ['agent/sessions/parse-policy.ts parsePolicy'],
    ['shell: off\n'],
    text => parsePolicy(text, 'policy.yaml', usualPolicy({ allowShell: true })),
    { mostText: mostYaml },
  ),
  textEdge(
    'agent: accounts',
    ['agent/sessions/accounts.ts parseAccounts'],
    ['pi:x:1000:1000::/h/pi:/bin/sh'],
    parseAccounts,
  ),
  textEdge(
    'agent: configuration',
    ['agent/config.ts readAgentConfig', 'lib/settings.ts readSettings'],
    [`${Object.keys(agentSettings).length > 0 ? 'log-level: info' : ''}\n`],
    text => readAgentConfig(settingsFile(text)),
    { mostText: mostYaml },
  ),
  textEdge(
    'hub: configuration',
    ['hub/config.ts readHubConfig'],
    ['port: 6443\nname: [a]\n'],
    text => readHubConfig(settingsFile(text)),
    { mostText: mostYaml },
  ),
  textEdge('CLI: words', ['cli/parse-words.ts parseWords'], ['get pods -n web --context=a -- x'], text =>
    parseWords(text.split(' '), kubeOptions),
  ),
  jsonEdge(
    'CLI: kubeconfig',
    ['cli/kubeconfig.ts readContext'],
    [kubeconfig],
    text => readContext(parseYaml(text).at(0)?.value, '/nowhere/config', undefined),
    { mostText: mostYaml },
  ),
]

/** runtime.Unknown around a message: k8s, a zero byte, TypeMeta, raw. */
function protobufOf(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const field = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  const meta = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))])
  return Buffer.concat([Buffer.from('k8s\0'), field(1, meta), field(2, raw)])
}
