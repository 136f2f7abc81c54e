import t from 'tap'
import { allKinds } from '../../src/api/kinds.ts'
import { hashOf, openapiDocument, openapiIndex } from '../../src/api/openapi.ts'

const names = Object.keys(openapiIndex().paths)

t.test('the index names every document with the hash of what it is now', async t => {
  t.match(names, ['api/v1', 'apis/apps/v1'])
  for (const [name, { serverRelativeURL }] of Object.entries(openapiIndex().paths)) {
    t.equal(serverRelativeURL, `/openapi/v3/${name}?hash=${hashOf(name)}`)
    t.ok(openapiDocument(name))
  }
  t.equal(openapiDocument('apis/batch/v1'), undefined)
  t.equal(new Set(names.map(hashOf)).size > 5, true)
})

t.test('every kind has a PATCH that takes fieldValidation and a strategic merge patch', async t => {
  for (const kind of allKinds) {
    const document = openapiDocument(kind.group === '' ? `api/${kind.version}` : `apis/${kind.group}/${kind.version}`)
    const operations = JSON.parse(JSON.stringify(Object.values(document?.paths ?? {})))
    const own = operations.find(
      (one: { patch: { 'x-kubernetes-group-version-kind': { kind: string } } }) =>
        one.patch['x-kubernetes-group-version-kind'].kind === kind.kind,
    )
    t.match(
      own?.patch.parameters.map((one: { name: string }) => one.name),
      ['dryRun', 'fieldManager', 'fieldValidation', 'force'],
    )
    t.ok(own?.patch.requestBody.content['application/strategic-merge-patch+json'], kind.kind)
    t.match(document?.components.schemas[kind.schema], {
      'x-kubernetes-group-version-kind': [{ group: kind.group, version: kind.version, kind: kind.kind }],
      description: /./,
    })
  }
})

t.test('every reference leads to a schema of the same document', async t => {
  for (const name of names) {
    const document = openapiDocument(name)
    const known = new Set(Object.keys(document?.components.schemas ?? {}))
    const wanted = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      match => match[1] ?? '',
    )
    t.strictSame(
      wanted.filter(one => !known.has(one)),
      [],
      name,
    )
  }
})

t.test('lists say how they merge, and fields what they mean', async t => {
  const { schemas } = openapiDocument('api/v1')?.components ?? { schemas: {} }
  t.match(schemas['PodSpec'], {
    required: ['containers'],
    properties: {
      containers: {
        type: 'array',
        items: { $ref: '#/components/schemas/Container' },
        'x-kubernetes-patch-merge-key': 'name',
        'x-kubernetes-patch-strategy': 'merge',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      volumes: { 'x-kubernetes-patch-strategy': 'merge,retainKeys' },
      tolerations: { 'x-kubernetes-list-type': 'atomic' },
      hostNetwork: { type: 'boolean', description: /./ },
      affinity: { allOf: [{ $ref: '#/components/schemas/Affinity' }], description: /scheduling/ },
    },
  })
})
