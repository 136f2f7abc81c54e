import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Fault } from '../../src/api/fault.ts'
import fc from '../support/fast-check.ts'
import type { Edge } from './edge.ts'
import { edges } from './edges.ts'

const src = fileURLToPath(new URL('../../src/', import.meta.url))

/** `FUZZ_RUNS=100000 npm test -- test/fuzz` looks longer. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 100)
/** The same inputs each time, so that a change is what fails; a longer look draws others. */
const seed = process.env['FUZZ_RUNS'] === undefined ? { seed: 1 } : {}

/** What came out that must not: anything but a value, a Fault, or what the table allows. */
const wrongOf = async (edge: Edge, input: unknown): Promise<unknown> => {
  try {
    await edge.parse(input)
    return undefined
  } catch (error) {
    if (error instanceof Fault) return undefined
    return error instanceof Error && error.constructor.name === edge.alsoThrows?.type ? undefined : error
  }
}

for (const edge of edges)
  t.test(`${edge.name}: whatever comes is a value or a fault`, async t => {
    for (const sample of edge.samples) await edge.parse(sample)
    const property = fc.asyncProperty(edge.inputs, async input => {
      const wrong = await wrongOf(edge, input)
      if (wrong !== undefined) throw wrong
    })
    await fc.assert(property, { numRuns: runs, ...seed })
    for (const [index, input] of edge.large.entries()) {
      const wrong = await wrongOf(edge, input)
      if (wrong !== undefined) t.fail(`large input ${index}: ${String(wrong).slice(0, 200)}`, { cause: wrong })
    }
    t.pass(`${runs} inputs and ${edge.large.length} large ones`)
  })

/** Named as parsers are, but what comes in there was parsed before, or comes from ourselves. */
const noEdges: Record<string, string> = {
  'wire/document.ts parseDigest': 'a pattern of one text, part of larger parsers',
}

t.test('every parser is in the table', async t => {
  const covered = new Set(edges.flatMap(edge => edge.covers))
  const found = (readdirSync(src, { recursive: true }) as string[])
    .filter(file => file.endsWith('.ts') && !file.includes('generated/'))
    .flatMap(file =>
      [...readFileSync(`${src}${file}`, 'utf8').matchAll(/^export const ((?:parse|tryParse|decode)[A-Z]\w*)/gm)].map(
        ([, name = '']) => `${file} ${name}`,
      ),
    )
  t.strictSame(found.filter(name => !covered.has(name) && noEdges[name] === undefined).toSorted(), [])
  const all = new Set(found)
  t.strictSame(
    [...covered, ...Object.keys(noEdges)].filter(name => /(?:parse|decode)[A-Z]\w*$/.test(name) && !all.has(name)),
    [],
  )
})
