import t from 'tap'
import { type FieldValidation, scaleBody } from '../../../src/api/body.ts'
import { isFault } from '../../../src/api/fault.ts'
import { kindNamed } from '../../../src/api/kinds.ts'
import { applyPatch, type patchTypes } from '../../../src/api/patch/apply-patch.ts'
import { jsonPatch } from '../../../src/api/patch/json-patch.ts'
import { mergePatch } from '../../../src/api/patch/merge-patch.ts'
import type { KubeObject } from '../../../src/api/types.ts'
import fc from '../../support/fast-check.ts'
import { faultOf, reasonOf } from '../fault-of.ts'
import { aDeployment, aService } from '../objects.ts'

const deployment = aDeployment()

const patched = (
  type: (typeof patchTypes)[number] | string,
  patch: unknown,
  options: { current?: KubeObject; kind?: string; fieldValidation?: FieldValidation } = {},
) =>
  applyPatch({
    kind: kindNamed(options.kind ?? 'Deployment'),
    contentType: type,
    current: 'current' in options ? options.current : deployment,
    patch: Buffer.from(typeof patch === 'string' ? patch : JSON.stringify(patch)),
    fieldValidation: options.fieldValidation ?? 'Strict',
  })

const strategic = 'application/strategic-merge-patch+json'
const merge = 'application/merge-patch+json'
const json = 'application/json-patch+json'
const apply = 'application/apply-patch+yaml'

const image = (containers: readonly object[]) => ({ spec: { template: { spec: { containers } } } })

t.test('a strategic merge patch changes one container by its name', async t => {
  t.match(patched(strategic, image([{ name: 'web', image: 'web:2' }])).object, image([{ name: 'web', image: 'web:2' }]))
  const added = patched(strategic, image([{ name: 'side', image: 'side' }])).object
  t.match(added, image([{ name: 'side' }, { name: 'web', image: 'example.com/web:1' }]))
})

t.test('a JSON merge patch replaces the list, and null removes', async t => {
  t.match(patched(merge, image([{ name: 'only', image: 'x' }])).object, image([{ name: 'only', image: 'x' }]))
  t.notOk('template' in Object(Object(patched(merge, { spec: { paused: true } }).object)['spec']['paused']))
})

t.test('a JSON patch is applied whole or not at all', async t => {
  const path = '/spec/template/spec/containers/0/image'
  t.match(
    patched(json, [
      { op: 'test', path, value: 'example.com/web:1' },
      { op: 'replace', path, value: 'web:3' },
    ]).object,
    image([{ image: 'web:3' }]),
  )
  t.equal(
    reasonOf(() =>
      patched(json, [
        { op: 'replace', path, value: 'web:3' },
        { op: 'test', path, value: 'no' },
      ]),
    ),
    'Invalid',
  )
  t.match(deployment, image([{ image: 'example.com/web:1' }]))
})

t.test('a patch may not bring unknown fields, wrong types or duplicate members', async t => {
  t.match(
    faultOf(() => patched(merge, { spec: { replicaz: 2 } })).message,
    /unknown field "spec\.replicaz" \(did you mean "replicas"\?\)/,
  )
  t.match(
    faultOf(() => patched(strategic, { spec: { replicas: 'two' } })).message,
    /\.spec\.replicas: expected integer, found string "two"/,
  )
  t.match(
    faultOf(() => patched(merge, '{"spec":{"replicas":1,"replicas":2}}')).message,
    /duplicate field "spec\.replicas"/,
  )
  t.strictSame(patched(merge, '{"spec":{"foo":1,"replicas":1,"replicas":2}}', { fieldValidation: 'Warn' }).warnings, [
    'duplicate field "spec.replicas"',
    'unknown field "spec.foo"',
  ])
  t.strictSame(patched(merge, { spec: { foo: 1 } }, { fieldValidation: 'Ignore' }).warnings, [])
})

t.test('kind and apiVersion stay what they are', async t => {
  t.match(patched(merge, { kind: 'Pod', apiVersion: 'v1' }).object, { kind: 'Deployment', apiVersion: 'apps/v1' })
})

t.test('server-side apply makes what is not there, and merges into what is', async t => {
  const text = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n'
  t.match(patched(apply, text).object, { spec: { replicas: 3, selector: deployment.spec?.selector } })
  t.match(patched(apply, text, { current: undefined }).object, { metadata: { name: 'web' }, spec: { replicas: 3 } })
  t.equal(
    reasonOf(() => patched(merge, {}, { current: undefined })),
    'NotFound',
  )
  t.match(faultOf(() => patched(apply, 'apiVersion: v1\nkind: Pod\n')).message, /does not match the expected/)
})

t.test('server-side apply tells ports apart by number and protocol', async t => {
  const current = aService({ ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] })
  const spec = { ports: [{ name: 'dns-tcp', port: 53 }] }
  const result = patched(apply, { apiVersion: 'v1', kind: 'Service', spec }, { kind: 'Service', current }).object
  t.match(result, {
    spec: {
      ports: [
        { name: 'dns-tcp', port: 53 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
  })
})

t.test('a Scale is patched like an object', async t => {
  const current = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 1 } }
  const { object } = applyPatch({
    kind: scaleBody,
    contentType: merge,
    current,
    patch: Buffer.from('{"spec":{"replicas":4}}'),
    fieldValidation: 'Strict',
  })
  t.match(object, { kind: 'Scale', spec: { replicas: 4 } })
})

t.test('another content type is refused with those that are accepted', async t => {
  t.match(faultOf(() => patched('application/json', {})).message, /application\/strategic-merge-patch\+json/)
  t.equal(
    reasonOf(() => patched(merge, '[]')),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => patched(strategic, 'null')),
    'BadRequest',
  )
  t.equal(
    reasonOf(() => patched(json, '{}')),
    'BadRequest',
  )
})

t.test('a JSON patch can neither reach a prototype nor double without end', async t => {
  for (const path of ['/__proto__/x', '/constructor/prototype/x', '/metadata/__proto__']) {
    t.equal(
      reasonOf(() => jsonPatch({ metadata: {} }, [{ op: 'add', path, value: 1 }])),
      'BadRequest',
      path,
    )
  }
  t.equal(Reflect.get({}, 'x'), undefined)
  const doubling = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/x${index}` }))
  t.equal(
    reasonOf(() => jsonPatch({ a: {} }, doubling)),
    'RequestEntityTooLarge',
  )
  t.equal(
    reasonOf(() =>
      jsonPatch(
        {},
        Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} })),
      ),
    ),
    'RequestEntityTooLarge',
  )
})

t.test('no operation makes a JSON patch throw anything but a fault', async () => {
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'eat', 1),
      path: fc.oneof(fc.string(), fc.constantFrom('', '/a', '/b/0', '/b/-', '/a/c', '/b/9', 'a', '/~2', 7)),
      from: fc.constantFrom('', '/a', '/b', '/b/0', '/zz', 'q'),
      value: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(operation, fc.jsonValue()), { maxLength: 6 }), patch => {
      try {
        jsonPatch({ a: { c: 1 }, b: [1, 2] }, patch)
        return true
      } catch (error) {
        return isFault(error)
      }
    }),
    { numRuns: 500 },
  )
})

t.test('a merge patch of RFC 7386', async t => {
  const table: readonly (readonly [unknown, unknown, unknown])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [['a'], { a: 1 }, { a: 1 }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, expected] of table) t.strictSame(mergePatch(target, patch), expected)
})
