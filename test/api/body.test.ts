import t from 'tap'
import { type FieldValidation, parseBody, parseSent } from '../../src/api/body.ts'
import { kindNamed } from '../../src/api/kinds.ts'
import { faultOf } from './fault-of.ts'

const read = (text: string, options: { contentType?: string; kind?: string; fieldValidation?: FieldValidation } = {}) =>
  parseBody({
    bytes: Buffer.from(text),
    contentType: options.contentType,
    kind: options.kind === undefined ? undefined : kindNamed(options.kind),
    fieldValidation: options.fieldValidation ?? 'Strict',
  })

const refusal = (...of: Parameters<typeof read>): string => {
  const { reason, message } = faultOf(() => read(...of))
  return `${reason}: ${message}`
}

const yaml = { contentType: 'application/yaml' }

t.test('the same manifest in JSON and in YAML is the same object', async t => {
  const json = read('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"}}\n')
  t.strictSame(json, read('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: "1"}\n', yaml))
  t.strictSame(json.object, { metadata: { name: 'a' }, apiVersion: 'v1', kind: 'ConfigMap', data: { x: '1' } })
})

t.test('apiVersion and kind may be left to the URL, but may not contradict it', async t => {
  t.match(read('{"metadata":{"name":"a"}}', { kind: 'Pod' }).object, { apiVersion: 'v1', kind: 'Pod' })
  t.equal(
    refusal('{"apiVersion":"apps/v1","kind":"Pod"}', { kind: 'Pod' }),
    'BadRequest: the API version in the data (apps/v1) does not match the expected API version (v1)',
  )
  t.equal(
    refusal('{"apiVersion":"v1","kind":"Service"}', { kind: 'Pod' }),
    'BadRequest: the kind in the data (Service) does not match the expected kind (Pod)',
  )
})

t.test('unknown and duplicate fields: refused, told or dropped', async t => {
  const text = '{"apiVersion":"apps/v1","kind":"Deployment","spec":{"foo":1,"replicas":1,"replicas":2}}'
  t.equal(
    refusal(text),
    'BadRequest: Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", duplicate field "spec.replicas"',
  )
  t.strictSame(read(text, { fieldValidation: 'Warn' }).warnings, [
    'unknown field "spec.foo"',
    'duplicate field "spec.replicas"',
  ])
  t.strictSame(read(text, { fieldValidation: 'Ignore' }).warnings, [])
  t.match(read(text, { fieldValidation: 'Ignore' }).object, { spec: { replicas: 2 } })
  t.match(
    refusal('apiVersion: v1\nkind: Pod\nkind: Pod\n', yaml),
    /strict decoding error: duplicate key "kind" at line 3/,
  )
})

t.test('each mistake is told with what to do', async t => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['version: v1\nkind: Pod', /a manifest has no field "version": write "apiVersion: v1"/],
    ['apiVersion: v1', /'Kind' is missing/],
    ['kind: Pod', /'apiVersion' is missing in a manifest of kind Pod/],
    ['apiVersion: v1\nkind: Elephant', /no matches for kind "Elephant" in version "v1"/],
    ['apiVersion: v1\nkind: List\nitems: []', /send its items one by one/],
    ['apiVersion: v1\nkind: PodList\nitems: []', /send its items one by one/],
    ['apiVersion: 1\nkind: Pod', /\.apiVersion: expected string, found number 1/],
    ['- a', /found a list/],
    ['just text', /found "just text"/],
    ['', /the body is empty/],
    ['a: 1\n---\nb: 2', /2 YAML documents/],
    [
      'apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: three}',
      /\.spec\.replicas: expected integer, found string "three"/,
    ],
    [
      'apiVersion: v1\nkind: Pod\nspec: {container: []}',
      /unknown field "spec\.container" \(did you mean "containers"\?\)/,
    ],
    ['apiVersion: v1\nkind: Pod\n metadata: {}', /error parsing YAML/],
  ]
  for (const [text, expected] of table) t.match(refusal(text, yaml), expected, text)
  t.match(refusal(`a: ${'x'.repeat(65_536)}`, yaml), /^RequestEntityTooLarge: a YAML body may have 65536 bytes/)
  t.match(refusal('{', {}), /invalid JSON/)
  t.match(refusal('x', { contentType: 'image/png' }), /^UnsupportedMediaType: .*image\/png/)
  t.match(
    faultOf(() => parseBody({ bytes: Buffer.from([0xff, 0xfe]), contentType: '', fieldValidation: 'Warn' })).message,
    /not UTF-8/,
  )
})

t.test('options and reviews are read by their own schema', async t => {
  const sent = (text: string) => ({
    bytes: Buffer.from(text),
    contentType: 'application/json',
    fieldValidation: 'Strict' as const,
  })
  t.equal(
    parseSent('DeleteOptions', sent('{"gracePeriodSeconds":0,"apiVersion":"apps/v1","kind":"DeleteOptions"}')).object
      .gracePeriodSeconds,
    0,
  )
  t.match(faultOf(() => parseSent('Eviction', sent('{"kind":"Pod"}'))).message, /expected an Eviction, found kind Pod/)
  t.match(
    faultOf(() => parseSent('Scale', sent('{"spec":{"replicas":"x"}}'))).message,
    /\.spec\.replicas: expected integer/,
  )
})
