import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { agentSettings } from '../../src/agent/config.ts'
import { hubSettings } from '../../src/hub/config.ts'
import type { SettingsTable } from '../../src/lib/settings.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8')

/** The rows of a settings table, as operations.md must have them. */
const rowsOf = (table: SettingsTable): readonly string[] =>
  Object.values(table).map(({ name, fallback, about }) => {
    const given = fallback === undefined || (Array.isArray(fallback) && fallback.length === 0) ? '' : `\`${fallback}\``
    return `| \`--${name}\` | \`DUNLIN_${name.toUpperCase().replaceAll('-', '_')}\` | ${given} | ${about} |`
  })

const section = (heading: string): string =>
  operations.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? ''

for (const [heading, table] of [
  ['The hub', hubSettings],
  ['The agent', agentSettings],
] as const) {
  t.test(`the settings under "${heading}" are those of the code`, async t => {
    t.strictSame(section(heading).match(/^\| `--.*$/gm), rowsOf(table))
  })
}

t.test('the settings of a systemd unit’s example are settings', async t => {
  const known = new Set([...Object.values(hubSettings), ...Object.values(agentSettings)].map(one => one.name as string))
  for (const [, flag = ''] of operations.matchAll(/`--([a-z-]+)(?: [A-Z]+)?`/g))
    t.ok(known.has(flag) || flag === 'data', flag)
})
