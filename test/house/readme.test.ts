import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseBody } from '../../src/api/body.ts'
import { kindOf } from '../../src/api/kinds.ts'
import { parseYaml } from '../../src/api/yaml.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

t.test('the first manifest of README is one that a hub takes without a word', async t => {
  const [, text = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  const documents = parseYaml(text).map(one => one.value as { readonly apiVersion: string; readonly kind: string })
  t.strictSame(
    documents.map(one => one.kind),
    ['Pod', 'Service'],
  )
  for (const document of documents) {
    const kind = kindOf(document.apiVersion, document.kind)
    if (kind === undefined) throw new Error(`${document.kind} is no kind`)
    const bytes = Buffer.from(JSON.stringify(document))
    const { object, warnings } = parseBody({ bytes, contentType: 'application/json', kind, fieldValidation: 'Strict' })
    t.strictSame(warnings, [])
    t.strictSame(
      kind.validate(kind.defaults({ ...object, metadata: { ...object.metadata, namespace: 'default' } }), undefined),
      [],
    )
  }
})
