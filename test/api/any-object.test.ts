import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { allKinds } from '../../src/api/kinds.ts'
import { strategicMerge } from '../../src/api/patch/strategic-merge.ts'
import { patchSchemaOf } from '../../src/api/patch/typed-schema.ts'
import { conform, fieldsOf, hasSchema } from '../../src/api/schema.ts'
import fc from '../support/fast-check.ts'

const texts = fc.constantFrom(
  '',
  'a',
  'web',
  '-',
  'A b',
  '__proto__',
  'In',
  'None',
  'TCP',
  '25%',
  '1Gi',
  'x'.repeat(300),
  'é',
)
const numbers = fc.constantFrom(0, 1, -1, 80, 31_000, 70_000, 2 ** 31 - 1)

const scalars: { readonly [type: string]: fc.Arbitrary<unknown> | undefined } = {
  string: texts,
  int32: numbers,
  int64: numbers,
  double: numbers,
  boolean: fc.boolean(),
  IntOrString: fc.oneof(numbers, texts),
  Quantity: fc.constantFrom('0', '1', '500m', '-1', '64Mi', 2),
  Time: fc.constantFrom('2026-01-01T00:00:00Z'),
  MicroTime: fc.constantFrom('2026-01-01T00:00:00.000000Z'),
  bytes: fc.constantFrom('', 'YQ=='),
  any: fc.jsonValue({ maxDepth: 2 }),
}

/** Any object of a type, as a client that knows the schema but no rule might send it: most fields left out. */
const anyOf = (type: string, depth: number): fc.Arbitrary<unknown> => {
  const scalar = Object.hasOwn(scalars, type) ? scalars[type] : undefined
  if (scalar !== undefined)
    return fc.oneof({ weight: 9, arbitrary: scalar }, { weight: 1, arbitrary: fc.constant(null) })
  if (!hasSchema(type) || depth === 0) return fc.constant({})
  const fields = [...fieldsOf(type)]
  return fc.subarray(fields, { maxLength: Math.min(8, fields.length) }).chain(chosen =>
    fc.record(
      Object.fromEntries(
        chosen.map(([name, { shape, item }]) => {
          const one = anyOf(item, depth - 1)
          if (shape === 'one') return [name, one]
          if (shape === 'list') return [name, fc.array(one, { maxLength: 3 })]
          return [name, fc.dictionary(texts, shape === 'map' ? one : fc.array(one, { maxLength: 2 }), { maxKeys: 3 })]
        }),
      ),
    ),
  )
}

for (const kind of allKinds) {
  t.test(`any ${kind.kind} is measured, completed, judged and shown without a crash`, async () => {
    fc.assert(
      fc.property(anyOf(kind.schema, 5), anyOf(kind.schema, 5), (sent, patch) => {
        const { value, wrong } = conform(sent, kind.schema)
        // What is of the wrong type is refused before anybody looks at it.
        if (wrong.length > 0) return true
        const object = kind.defaults({ metadata: {}, ...value })
        if (JSON.stringify(kind.defaults(object)) !== JSON.stringify(object)) return false
        const causes = kind.validate(object, undefined)
        kind.warnings(object)
        kind.selectableFields(object)
        if (
          !causes.some(cause => cause.field.includes('selector')) &&
          kind.cells(object, 0).length !== kind.columns.length
        )
          return false
        try {
          const next = conform(strategicMerge({ ...object }, Object(patch), patchSchemaOf(kind.schema)), kind.schema)
          if (next.wrong.length === 0) kind.validate(kind.defaults({ metadata: {}, ...next.value }), object)
          return true
        } catch (error) {
          return isFault(error, 'BadRequest')
        }
      }),
      { numRuns: 150 },
    )
  })
}
