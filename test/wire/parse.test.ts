import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { Pod } from '../../src/api/types.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import { assignmentDigest } from '../../src/wire/digest.ts'
import { parseJson } from '../../src/wire/parse.ts'
import { parseAssignment } from '../../src/wire/parse-assignment.ts'
import { parseCommand, parseHelloReply, parseNotice } from '../../src/wire/parse-down.ts'
import { parseNeighbourhood } from '../../src/wire/parse-neighbourhood.ts'
import { parseEvents, parseHello, parseLive, parseResult, parseStatus } from '../../src/wire/parse-up.ts'
import fc from '../support/fast-check.ts'

const aPod = (spec: object = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '1' } } }], ...spec },
})

const anAssignment = (change: object = {}): Assignment => ({
  format: 1,
  node: { name: 'attic', uid: 'n1' },
  network: {
    podCIDR: '10.64.0.0/25',
    clusterCIDR: '10.64.0.0/11',
    serviceCIDR: '10.96.0.0/16',
    dnsAddress: '10.96.0.10',
    domain: 'cluster.local',
  },
  nodeLabels: {},
  pods: [aPod()],
  configMaps: [],
  secrets: [],
  ...change,
})

t.test('an assignment is read as it was sent', async t => {
  const text = JSON.stringify(anAssignment())
  t.strictSame(parseJson(text, parseAssignment(), 'd/state'), anAssignment())
})

t.test('fields that this version does not know are kept and told', async t => {
  const unknowns = { paths: [] as string[] }
  const sent = anAssignment({ pods: [aPod({ tomorrow: 1 })], later: true })
  const read = parseJson(JSON.stringify(sent), parseAssignment(unknowns), 'd/state')
  t.strictSame(unknowns.paths, ['d/state.pods[0].spec.tomorrow', 'd/state.later'])
  t.match(read.pods[0], { spec: { tomorrow: 1 } })
})

const wrong: readonly (readonly [string, object, RegExp])[] = [
  [
    'a container without a name',
    { pods: [aPod({ containers: [{ image: 'x' }] })] },
    /containers\[0\]\.name is missing/,
  ],
  ['containers that are no list', { pods: [aPod({ containers: {} })] }, /containers is an object/],
  ['a grace of words', { pods: [aPod({ terminationGracePeriodSeconds: 'ten' })] }, /terminationGracePeriodSeconds/],
  ['no network', { network: undefined }, /network is missing/],
  ['another format', { format: 2 }, /format is 2, but must be 1/],
]
for (const [what, change, message] of wrong)
  t.test(`an assignment with ${what} is refused, naming the field`, async t => {
    t.throws(() => parseJson(JSON.stringify(anAssignment(change)), parseAssignment(), 'd/state'), { message })
  })

t.test('the digest stands for a secret by its version, not by its content', async t => {
  const secret = (value: string, resourceVersion: string) => ({
    metadata: { name: 's', namespace: 'default', uid: 'u', resourceVersion },
    data: { key: value },
  })
  const digest = (value: string, version: string) =>
    assignmentDigest(anAssignment({ secrets: [secret(value, version)] }))
  t.equal(digest('a', '1'), digest('b', '1'))
  t.not(digest('a', '1'), digest('a', '2'))
})

t.test('a command of an unknown action is refused', async t => {
  const command = { format: 1, id: 'c1', notAfter: '2026-01-01T00:00:00Z', action: 'explode' }
  t.throws(() => parseCommand(command, 'd/cmd'), /action is "explode"/)
  t.throws(() => parseCommand({ ...command, action: 'dial', url: 'http://x', token: 't' }, 'd/cmd'), /url/)
})

t.test('nesting without end is refused before it is walked', async t => {
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
  t.throws(() => parseJson(deep, parseAssignment(), 'd/state'), /nested deeper/)
})

t.test('no value makes a parser throw anything but Malformed', async () => {
  const parsers = [
    parseAssignment({ paths: [] }),
    parseNeighbourhood,
    parseCommand,
    parseHelloReply,
    parseNotice,
    parseHello,
    parseLive,
    parseStatus,
    parseResult,
    parseEvents,
  ]
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom('format', 'pods', 'node', 'applied'), fc.jsonValue()),
      (any, like) => {
        for (const parse of parsers)
          for (const value of [any, { ...like, format: 1 }])
            try {
              parse(value, 'x')
            } catch (error) {
              if (!isFault(error, 'Malformed')) throw error
            }
      },
    ),
  )
})
