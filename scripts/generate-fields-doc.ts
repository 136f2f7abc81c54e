/**
 * Writes the tables of docs/fields.md: which fields of pods and Services are refused, and which are stored without effect.
 * A test keeps the page equal to the tables in src/api.
 *
 * Run: node scripts/generate-fields-doc.ts
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { podSupport } from '../src/api/pods/pod-support.ts'
import { serviceSupport } from '../src/api/services/service-support.ts'
import { release, type SupportTable, type Unsupported } from '../src/api/support.ts'

/** The page as it should be. */
export const fieldsPage = (): string => `# Fields of manifests

Every field that Kubernetes knows does what it says, is refused, or is stored with a warning. None is dropped in silence.
These are the fields of pods (also in templates) and of Services that do not yet do what they say in release ${release};
all others do. This page is written by \`scripts/generate-fields-doc.ts\`.

## Refused

A write with one of these is answered with 422 and names the field: leaving it out would change meaning or security.

${table('refuse')}

## Stored, without effect

A write with one of these is taken, and answered with a \`Warning\`.

${table('warn')}

PersistentVolumes, PersistentVolumeClaims and StorageClasses are stored and shown; volumes are not bound yet.
`

const table = (action: Unsupported['action']): string =>
  [
    '| field | because | harmless values |',
    '|---|---|---|',
    ...[...rows(podSupport, action), ...rows(serviceSupport, action)].toSorted(),
  ].join('\n')

const rows = (of: SupportTable, action: Unsupported['action']): readonly string[] =>
  Object.entries(of).flatMap(([type, fields]) =>
    Object.entries(fields).flatMap(([field, support]) =>
      support === 'runs' || support.action !== action
        ? []
        : [
            `| \`${type}.${field}\` | ${support.why} | ${support.unless.map(one => `\`${JSON.stringify(one)}\``).join(', ')} |`,
          ],
    ),
  )

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(fileURLToPath(new URL('../docs/fields.md', import.meta.url)), fieldsPage())
}
