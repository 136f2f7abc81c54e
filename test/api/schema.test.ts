import t from 'tap'
import { schemas } from '../../src/api/generated/schemas.ts'
import { allKinds } from '../../src/api/kinds.ts'
import { mergeRules } from '../../src/api/merge-keys.ts'
import { conform, fieldsOf, hasSchema } from '../../src/api/schema.ts'
import fc from '../support/fast-check.ts'

t.test('every kind has its schema, and every type mentioned is there', async t => {
  for (const kind of allKinds) t.ok(hasSchema(kind.schema), kind.kind)
  const scalars = new Set([
    'string',
    'int32',
    'int64',
    'double',
    'boolean',
    'Quantity',
    'IntOrString',
    'Time',
    'MicroTime',
    'bytes',
    'any',
  ])
  for (const type of Object.keys(schemas)) {
    for (const [field, { item }] of fieldsOf(type)) t.ok(scalars.has(item) || hasSchema(item), `${type}.${field}`)
  }
})

t.test('every merge rule is about a list or map of the table', async t => {
  for (const [path, rule] of Object.entries(mergeRules)) {
    const [type = '', name = ''] = path.split('.')
    const field = hasSchema(type) ? fieldsOf(type).get(name) : undefined
    if (field === undefined) t.fail(path)
    else if (rule?.key !== undefined) t.ok(fieldsOf(field.item).has(rule.key), `${path} by ${rule.key}`)
  }
})

t.test('unknown fields are told by their exact path, with a near name where there is one', async t => {
  const { unknown } = conform(
    {
      metadata: { lables: {} },
      spec: { containers: [{ name: 'a', imagee: 'x' }, { zebra: 1 }], nodeSelector: { any: 'x' } },
    },
    'Pod',
  )
  t.strictSame(unknown, [
    { path: 'metadata.lables', near: 'labels' },
    { path: 'spec.containers[0].imagee', near: 'image' },
    { path: 'spec.containers[1].zebra', near: undefined },
  ])
})

t.test('a value of the wrong type is told by what was expected and found', async t => {
  const { wrong } = conform(
    {
      spec: {
        replicas: '3',
        paused: 'yes',
        selector: [],
        template: { spec: { containers: 'web', activeDeadlineSeconds: 1.5 } },
        strategy: { rollingUpdate: { maxSurge: true } },
        minReadySeconds: 2 ** 31,
      },
    },
    'Deployment',
  )
  t.strictSame(
    wrong.map(one => `.${one.field}: ${one.message}`),
    [
      '.spec.replicas: expected integer, found string "3"',
      '.spec.paused: expected boolean, found string "yes"',
      '.spec.selector: expected object, found array',
      '.spec.template.spec.containers: expected array, found string "web"',
      '.spec.template.spec.activeDeadlineSeconds: expected integer, found number 1.5',
      '.spec.strategy.rollingUpdate.maxSurge: expected integer or string, found boolean true',
      '.spec.minReadySeconds: expected integer, found number 2147483648',
    ],
  )
})

t.test('quantities, times and bytes are checked, and kept in one form', async t => {
  const { value, wrong } = conform(
    {
      spec: {
        containers: [{ name: 'a', resources: { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: 'much' } } }],
      },
    },
    'Pod',
  )
  t.strictSame(value['spec'], {
    containers: [{ name: 'a', resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: undefined } } }],
  })
  t.match(wrong, [{ field: 'spec.containers[0].resources.requests.cpu', message: /^expected quantity/ }])
  t.equal(
    conform({ data: { a: 'not base64!' } }, 'Secret').wrong[0]?.message,
    'expected base64 text, found string "not base64!"',
  )
  t.match(conform({ metadata: { creationTimestamp: 'today' } }, 'Pod').wrong[0]?.message, /^expected RFC 3339 time/)
})

t.test('null is as good as absent, and a required field that is absent is empty', async t => {
  const { value, unknown, wrong } = conform(
    {
      metadata: { creationTimestamp: null, labels: { a: null } },
      spec: { containers: [{ args: [null], image: null }] },
      status: null,
    },
    'Pod',
  )
  t.strictSame(
    { value, unknown, wrong },
    {
      value: { metadata: { labels: { a: '' } }, spec: { containers: [{ args: [''], name: '' }] } },
      unknown: [],
      wrong: [],
    },
  )
})

t.test('a list without end is refused', async t => {
  const { wrong } = conform({ spec: { containers: Array.from({ length: 5_001 }, () => ({})) } }, 'Pod')
  t.match(wrong, [
    { field: 'spec.containers', message: 'expected array of at most 5000 items, found array of 5001 items' },
  ])
})

t.test('any JSON gives a value and bounded findings', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(schemas)), (value, type) => {
      const { unknown, wrong } = conform(value, type)
      return unknown.length <= 64 && wrong.length <= 64
    }),
  )
})
