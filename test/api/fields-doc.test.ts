import { readFileSync } from 'node:fs'
import t from 'tap'
import { fieldsPage } from '../../scripts/generate-fields-doc.ts'

t.test('docs/fields.md says of every field what becomes of it', async t => {
  const page = readFileSync(new URL('../../docs/fields.md', import.meta.url), 'utf8')
  t.equal(page, fieldsPage(), 'run: node scripts/generate-fields-doc.ts')
})
