/**
 * Writes src/wire/generated/shapes.ts: which fields the Kubernetes nouns have that travel to and from a node, and of
 * what type, taken from src/api/generated/types.ts. Messages are checked against it, deep, on both sides.
 *
 * Run: node scripts/generate-shapes.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../src/api/generated/types.ts', import.meta.url))
const target = fileURLToPath(new URL('../src/wire/generated/shapes.ts', import.meta.url))
const roots = ['Pod', 'ConfigMap', 'Secret', 'PodStatus', 'NodeCondition', 'NodeSystemInfo', 'ContainerStatus']

const blocks = new Map(
  [...readFileSync(source, 'utf8').matchAll(/^export interface (\w+) \{\n([\s\S]*?)\n\}/gm)].map(match => [
    match[1] ?? '',
    match[2] ?? '',
  ]),
)

/** `readonly string[]` -> `[string`, `{ readonly [key: string]: X }` -> `{X`. */
const short = (type: string): string => {
  const listed = /^readonly \(?([^()]+?)\)?\[\]$/.exec(type)
  if (listed !== null) return `[${short(listed[1] ?? '')}`
  const mapped = /^\{ readonly \[key: string\]: (.+) \}$/.exec(type)
  if (mapped !== null) return `{${short(mapped[1] ?? '')}`
  if (!/^\w+$/.test(type)) throw new Error(`a type that shapes do not know: ${type}`)
  return type
}

const seen = new Map<string, string>()
const visit = (name: string): void => {
  const block = blocks.get(name)
  if (block === undefined || seen.has(name)) return
  const fields = [...block.matchAll(/^ {2}readonly (?:'([^']+)'|([\w$]+))(\?)?: (.+)$/gm)].map(match => ({
    name: match[1] ?? match[2] ?? '',
    isOptional: match[3] !== undefined,
    type: short(match[4] ?? ''),
  }))
  const members = fields.map(field => `    ${field.name}: '${field.isOptional ? '?' : ''}${field.type}',`)
  seen.set(name, `  ${name}: {\n${members.join('\n')}\n  },`)
  for (const field of fields) visit(field.type.replaceAll(/[[{]/g, ''))
}
for (const root of roots) visit(root)

writeFileSync(
  target,
  `/* Written by scripts/generate-shapes.ts. */\n
/** Type by field: \`?\` optional, \`[\` a list of, \`{\` a map to; then a scalar or another shape. */
export const shapes: { readonly [shape: string]: { readonly [field: string]: string } } = {\n${[...seen.values()].join('\n')}\n}\n`,
)
