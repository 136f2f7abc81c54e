import { randomBytes } from 'node:crypto'
import { parseInventory } from '../../src/agent/node/inventory.ts'
import { parseMemoryFile } from '../../src/agent/pods/parse-memory.ts'
import { readEnvelope, writeEnvelope } from '../../src/wire/envelope.ts'
import { readHeader } from '../../src/wire/envelope-header.ts'
import { frameGuard } from '../../src/wire/frame-guard.ts'
import { type Parse, parseJson } from '../../src/wire/parse.ts'
import { parseAssignment } from '../../src/wire/parse-assignment.ts'
import { parseCommand, parseHeld, parseHelloReply, parseNotice } from '../../src/wire/parse-down.ts'
import { parseNeighbourhood } from '../../src/wire/parse-neighbourhood.ts'
import { parseEvents, parseHello, parseLive, parseResult, parseStatus } from '../../src/wire/parse-up.ts'
import { openSealed, seal } from '../../src/wire/seal.ts'
import { readFrame, writeFrame } from '../../src/wire/side-channel/frame.ts'
import * as node from '../../src/wire/side-channel/node-requests.ts'
import * as pod from '../../src/wire/side-channel/pod-requests.ts'
import { parseLogRequest, parseOpenStream, parseStreamResult } from '../../src/wire/side-channel/requests.ts'
import { parseTelemetryBirth, parseTelemetryData } from '../../src/wire/telemetry.ts'
import { parseTopic } from '../../src/wire/topic-names.ts'
import { aConfigMap, anAssignment, aPod, aSecret } from '../fakes/builders.ts'
import { aSealKey, aSigner } from '../wire/keys.ts'
import { bytesEdge, type Edge, jsonEdge, textEdge } from './edge.ts'

const time = '2026-11-24T12:00:00Z'
const held = { tuple: { incarnation: 1, revision: 2, term: 3 }, digest: 'a'.repeat(64) }
const place = { podUid: 'u1', namespace: 'default', name: 'web' }
const ways = { tty: true, stdin: true, stdout: true, stderr: false, size: { columns: 80, rows: 24 } }

const message = <T>(file: string, name: string, parse: Parse<T>, sample: unknown): Edge =>
  jsonEdge(`wire: ${name}`, [`wire/${file}.ts ${name}`, 'wire/parse.ts parseJson'], [sample], text =>
    parseJson(text, parse, name),
  )

const signer = aSigner()
const sealKey = aSealKey()
const envelope = writeEnvelope(
  {
    direction: 'down',
    fleet: 'f1',
    audience: 'uid-1',
    topic: 'd/state',
    tuple: held.tuple,
    session: '',
    issuedAt: 1_700_000_000_000,
    notAfter: 0,
    text: JSON.stringify({ a: 'b'.repeat(50) }),
    sealTo: sealKey.publicKey,
  },
  signer,
)
const context = Buffer.from('context')

/** What comes over MQTT and the side channel, and what the agent reads of its own. */
export const wireEdges: readonly Edge[] = [
  message('parse-up', 'parseHello', parseHello, {
    ...{ format: 1, nonce: '0123456789abcdef', connection: 1, bootId: 'b', agentVersion: '1', state: held },
    unknownFields: ['spec.x'],
  }),
  message('parse-up', 'parseLive', parseLive, { format: 1, connection: 1, up: true }),
  message('parse-up', 'parseResult', parseResult, { format: 1, id: 'a', ok: false, message: 'no' }),
  message('parse-up', 'parseStatus', parseStatus, {
    ...{ format: 1, sequence: 1, bootId: 'b', applied: { state: held, net: held }, presentPodUids: ['u1'] },
  }),
  message('parse-up', 'parseEvents', parseEvents, { format: 1, sequence: 1, events: [] }),
  message('parse-down', 'parseHeld', parseHeld, held),
  message('parse-down', 'parseHelloReply', parseHelloReply, {
    ...{ format: 1, nonce: 'n', hubTime: time, hubVersion: '1', state: held, net: held },
  }),
  message('parse-down', 'parseNotice', parseNotice, { format: 1, incarnation: 1, term: 1, hubTime: time }),
  message('parse-down', 'parseCommand', parseCommand, {
    ...{ format: 1, id: 'a', notAfter: time, action: 'telemetry', periodSeconds: 5, forSeconds: 60 },
  }),
  message(
    'parse-assignment',
    'parseAssignment',
    parseAssignment({ paths: [] }),
    anAssignment({ pods: [aPod()], configMaps: [aConfigMap('c', { a: 'b' })], secrets: [aSecret('s', { a: 'b' })] }),
  ),
  message('parse-neighbourhood', 'parseNeighbourhood', parseNeighbourhood, {
    format: 1,
    services: [],
    peers: [{ node: 'a', uid: 'u', podCIDR: '10.64.0.0/25', addresses: ['10.0.0.1'] }],
  }),
  message('telemetry', 'parseTelemetryBirth', parseTelemetryBirth, {
    format: 1,
    time,
    metrics: { cpu: { name: 'CPU', unit: '%', stateClass: 'measurement' } },
  }),
  message('telemetry', 'parseTelemetryData', parseTelemetryData, { time, sequence: 1, cpu: 0.5 }),
  message('side-channel/requests', 'parseLogRequest', parseLogRequest, {
    ...{ ...place, container: 'c', follow: true, previous: false, timestamps: false, tailLines: 5, sinceTime: time },
  }),
  message('side-channel/requests', 'parseOpenStream', parseOpenStream, { type: 'logs', request: {} }),
  message('side-channel/requests', 'parseStreamResult', parseStreamResult, { exitCode: 1 }),
  message('side-channel/pod-requests', 'parseTerminalSize', pod.parseTerminalSize, ways.size),
  message('side-channel/pod-requests', 'parseExecRequest', pod.parseExecRequest, {
    ...{ ...place, container: 'c', ...ways, command: ['sh', '-c', 'true'] },
  }),
  message('side-channel/pod-requests', 'parseAttachRequest', pod.parseAttachRequest, {
    ...{ ...place, container: 'c', ...ways },
  }),
  message('side-channel/pod-requests', 'parseStderrRequest', pod.parseStderrRequest, { of: 1 }),
  message('side-channel/pod-requests', 'parseForwardRequest', pod.parseForwardRequest, { ...place, port: 80 }),
  message('side-channel/pod-requests', 'parseCopyRequest', pod.parseCopyRequest, {
    ...{ ...place, container: 'c', path: '/tmp' },
  }),
  jsonEdge(
    'wire: requests to a node',
    [
      ...['parseShellRequest', 'parseJournalRequest', 'parseNodeCopyRequest', 'parseNodeForwardRequest'].map(
        name => `wire/side-channel/node-requests.ts ${name}`,
      ),
      ...['parseShellsRequest', 'parseShellReport'].map(name => `wire/side-channel/node-requests.ts ${name}`),
    ],
    [{ by: 'ann', path: '/var/log', session: 'a1', user: 'pi', command: ['sh'], host: 'a', port: 1, follow: true }],
    text => {
      const each: readonly Parse<unknown>[] = [
        ...[node.parseShellRequest, node.parseJournalRequest, node.parseNodeCopyRequest],
        ...[node.parseNodeForwardRequest, node.parseShellsRequest, node.parseShellReport],
      ]
      return eachOf(each.map(parse => () => parseJson(text, parse, 'request')))
    },
  ),
  jsonEdge('agent: inventory', ['agent/node/inventory.ts parseInventory'], [inventory()], text =>
    parseJson(text, parseInventory, 'inventory'),
  ),
  jsonEdge('agent: pod memory', ['agent/pods/parse-memory.ts parseMemoryFile'], [{ format: 1, pods: [] }], text =>
    parseJson(text, parseMemoryFile, 'memory'),
  ),
  bytesEdge(
    'wire: envelope',
    ['wire/envelope.ts readEnvelope', 'wire/envelope-header.ts readHeader'],
    [envelope],
    bytes => {
      readHeader(bytes)
      return readEnvelope(bytes, {
        direction: 'down',
        fleet: 'f1',
        audience: 'uid-1',
        topic: 'd/state',
        verifyKey: () => signer.publicKey,
        open: (sealed, about) => openSealed(sealKey.privateKey, sealed, about),
        mostPlainBytes: 1_000_000,
      })
    },
  ),
  bytesEdge(
    'wire: sealed bytes',
    ['wire/seal.ts openSealed'],
    [seal(sealKey.publicKey, randomBytes(20), context)],
    bytes => openSealed(sealKey.privateKey, bytes, context),
  ),
  bytesEdge(
    'wire: side-channel frame',
    ['wire/side-channel/frame.ts readFrame'],
    [writeFrame({ stream: 1, type: 'data', payload: Buffer.from('abc') })],
    readFrame,
  ),
  bytesEdge('broker: MQTT frames', ['wire/frame-guard.ts frameGuard'], [Buffer.from([0x30, 2, 1, 2])], bytes =>
    frameGuard(() => 8192).feed(bytes),
  ),
  textEdge(
    'wire: topic',
    ['wire/topic-names.ts parseTopic'],
    ['dunlin/1/f1/n/attic/u/hello', 'dunlin/1/f1/t/attic/node/data', 'dunlin/1/f1/b/hub'],
    text => parseTopic('f1', text),
  ),
]

function inventory() {
  return { manufacturer: 'a', model: 'b', cpu: 'c', disks: [{ name: 'd', type: 'e', bytes: 1 }] }
}

/** The first that takes it; the fault of the last where none does. */
export function eachOf(acts: readonly (() => unknown)[]): unknown {
  let refused: unknown
  for (const act of acts) {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof Error) || error.constructor.name !== 'Fault') throw error
      refused = error
    }
  }
  throw refused
}
