import t from 'tap'
import { parseBody, parseSent, type SentTypes } from '../../src/api/body.ts'
import { isFault } from '../../src/api/fault.ts'
import { protobufFields } from '../../src/api/generated/protobuf.ts'
import { protobufType } from '../../src/api/protobuf.ts'
import { fieldsOf, hasSchema } from '../../src/api/schema.ts'
import fc from '../support/fast-check.ts'
import { reasonOf } from './fault-of.ts'
import { kubectlBodies } from './fixtures/kubectl-bodies.ts'

const request = (bytes: Uint8Array) => ({ bytes, contentType: protobufType, fieldValidation: 'Strict' as const })

const stored = (name: keyof typeof kubectlBodies) =>
  parseBody(request(Buffer.from(kubectlBodies[name], 'base64'))).object

const sent = <K extends keyof SentTypes>(type: K, name: keyof typeof kubectlBodies) =>
  parseSent(type, request(Buffer.from(kubectlBodies[name], 'base64'))).object

t.test('kubectl create deployment', async t => {
  t.strictSame(stored('deployment'), {
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [{ name: 'nginx', image: 'nginx:1', resources: {}, ports: [{ containerPort: 80 }] }],
        },
      },
      strategy: {},
    },
    status: {},
    apiVersion: 'apps/v1',
    kind: 'Deployment',
  })
})

t.test('kubectl create service nodeport', async t => {
  t.match(stored('service'), {
    kind: 'Service',
    metadata: { name: 'np' },
    spec: {
      type: 'NodePort',
      ports: [{ name: '80-8080', port: 80, targetPort: 8080, nodePort: 31111, protocol: 'TCP' }],
    },
  })
})

t.test('kubectl’s other generators', async t => {
  t.match(stored('configmap'), { kind: 'ConfigMap', data: { a: '1' } })
  t.match(stored('secret'), { kind: 'Secret', data: { p: Buffer.from('x').toString('base64') } })
  t.match(stored('serviceaccount'), { kind: 'ServiceAccount', metadata: { name: 'robot' } })
  t.match(stored('role'), { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] })
  t.match(stored('rolebinding'), {
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'bob' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
    ],
  })
  t.match(stored('namespace'), { kind: 'Namespace', metadata: { name: 'demo' } })
  t.equal(sent('TokenRequest', 'token').spec?.expirationSeconds, 3600)
  t.match(sent('SelfSubjectAccessReview', 'access').spec.resourceAttributes, { verb: 'list', resource: 'pods' })
  t.match(sent('SelfSubjectReview', 'whoami'), { kind: 'SelfSubjectReview' })
})

t.test('the number table and the schema table name the same fields', async t => {
  for (const [type, fields] of Object.entries(protobufFields)) {
    const owner = type.split('.')[0] ?? ''
    for (const word of Object.values(fields)) {
      const isThere = word.startsWith('>')
        ? word.slice(1) in protobufFields
        : fieldsOf(owner).has(word.replace('*', ''))
      if (!isThere) t.fail(`${type}: ${word}`)
    }
    if (type.includes('.')) continue
    const numbered = new Set(allWords(type))
    const missing = [...fieldsOf(type).keys()].filter(
      name => !numbered.has(name) && !['apiVersion', 'kind'].includes(name),
    )
    t.strictSame(missing, [], type)
  }
})

const allWords = (table: string): readonly string[] =>
  Object.values(protobufFields[table] ?? {}).flatMap(word =>
    word.startsWith('>') ? allWords(word.slice(1)) : [word.replace('*', '')],
  )

// What the decoder must tell apart, written by hand: tag, length, bytes.
const varint = (value: number): readonly number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)]
const text = (field: number, value: string | readonly number[]): readonly number[] => {
  const bytes = typeof value === 'string' ? [...Buffer.from(value)] : value
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes]
}
const framed = (apiVersion: string, kind: string, raw: readonly number[]) =>
  Buffer.from([0x6b, 0x38, 0x73, 0, ...text(1, [...text(1, apiVersion), ...text(2, kind)]), ...text(2, raw)])
const container = (...fields: readonly (readonly number[])[]) => text(2, [...text(1, 'c'), ...fields.flat()])

t.test('a pointer’s zero means something, another zero is absent', async t => {
  const read = (raw: readonly number[]) => parseBody(request(framed('apps/v1', 'Deployment', raw))).object
  t.match(read(text(2, number(1, 0))), { spec: { replicas: 0 } })
  t.notOk('paused' in Object(Object(read(text(2, number(7, 0))))['spec']))
})

t.test('inlined structs, quantities, numbers or texts, times, packed lists', async t => {
  const probe = text(10, [
    ...text(1, text(2, [...text(1, '/ok'), ...text(2, [...number(1, 1), ...text(3, 'http')])])),
    ...number(3, 5),
  ])
  const limits = text(8, text(1, [...text(1, 'cpu'), ...text(2, text(1, '0.5'))]))
  const pod = [
    ...text(1, text(8, number(1, 86_400))),
    ...text(2, [...container(probe, limits), ...text(14, text(4, [...varint(1000), ...varint(2000)]))]),
  ]
  t.match(parseBody(request(framed('v1', 'Pod', pod))).object, {
    metadata: { creationTimestamp: '1970-01-02T00:00:00Z' },
    spec: {
      containers: [
        {
          name: 'c',
          livenessProbe: { httpGet: { path: '/ok', port: 'http' }, timeoutSeconds: 5 },
          resources: { limits: { cpu: '500m' } },
        },
      ],
      securityContext: { supplementalGroups: [1000, 2000] },
    },
  })
})

t.test('a field of a newer client is told, as an unknown field is', async t => {
  const bytes = framed('v1', 'ConfigMap', text(99, 'new'))
  t.equal(
    reasonOf(() => parseBody(request(bytes))),
    'BadRequest',
  )
  t.strictSame(parseBody({ ...request(bytes), fieldValidation: 'Warn' }).warnings, [
    'unknown field number 99 of ConfigMap',
  ])
})

t.test('bytes that are no such body are refused', async t => {
  for (const bytes of [[], [0x6b, 0x38, 0x73], [0x7b, 0x7d], [...framed('v1', 'Pod', []).subarray(0, 9)]]) {
    t.equal(
      reasonOf(() => parseBody(request(Buffer.from(bytes)))),
      'BadRequest',
    )
  }
  t.equal(
    reasonOf(() => parseBody(request(framed('v1', 'Elephant', [])))),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseBody(request(framed('v1', 'Pod', number(1, 7))))),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => parseBody(request(framed('v1', 'ConfigMap', text(1, text(1, [0xff, 0xfe])))))),
    'BadRequest',
  )
})

t.test('no bytes make it throw anything but a fault', async () => {
  const real = Object.values(kubectlBodies).map(body => Buffer.from(body, 'base64'))
  const bent = fc
    .tuple(fc.constantFrom(...real), fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }), fc.nat(400))
    .map(([bytes, changes, length]) => {
      const copy = Buffer.from(bytes.subarray(0, Math.max(4, length)))
      for (const [at, byte] of changes) if (at >= 4 && at < copy.length) copy[at] = byte
      return copy
    })
  const free = fc
    .tuple(fc.constantFrom(...Object.keys(protobufFields).filter(hasSchema)), fc.uint8Array({ maxLength: 60 }))
    .map(([kind, bytes]) => framed('v1', kind, [...bytes]))
  fc.assert(
    fc.property(fc.oneof(bent, free), bytes => {
      try {
        parseBody(request(bytes))
        return true
      } catch (error) {
        return isFault(error, 'BadRequest')
      }
    }),
    { numRuns: 1000 },
  )
})
