import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { remeasure } from '../../src/api/body.ts'
import { kindOf } from '../../src/api/kinds.ts'
import { parseYaml } from '../../src/api/yaml.ts'

const folder = new URL('../../examples/', import.meta.url)

for (const file of readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
  t.test(`examples/${file} is right in every field, and nothing in it is without effect`, async t => {
    const documents = parseYaml(readFileSync(new URL(file, folder), 'utf8'))
    t.ok(documents.length > 0)
    for (const { value, duplicates } of documents) {
      const { apiVersion, kind: name, metadata } = Object(value)
      const kind = kindOf(String(apiVersion), String(name))
      if (kind === undefined) {
        t.fail(`${apiVersion} ${name} is unknown`)
        continue
      }
      const { object } = remeasure(value, kind, 'Strict')
      const namespaced = kind.isNamespaced
        ? { ...object, metadata: { ...object.metadata, namespace: metadata.namespace ?? 'default' } }
        : object
      const complete = kind.defaults(namespaced)
      t.strictSame(duplicates, [])
      t.strictSame(kind.validate(complete, undefined), [], `${name} ${metadata.name}`)
      t.strictSame(
        kind.warnings(complete).filter(one => !one.includes('stored and shown')),
        [],
      )
    }
  })
}
