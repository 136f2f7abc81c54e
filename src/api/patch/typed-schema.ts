import { mergeRules } from '../merge-keys.ts'
import { fieldsOf, hasSchema } from '../schema.ts'
import { type PatchSchema, untyped } from './strategic-merge.ts'

/** The merge rules of a type of the schema table, as the strategic merge asks for them. */
export const patchSchemaOf = (type: string): PatchSchema => ({
  field: name => {
    const field = fieldsOf(type).get(name)
    const isTyped = field !== undefined && hasSchema(field.item) && field.shape !== 'map'
    return { rule: mergeRules[`${type}.${name}`], schema: isTyped ? patchSchemaOf(field.item) : untyped }
  },
})

/**
 * The same for server-side apply, where lists merge by other keys (k8s: listMapKey) and nothing is retained or replaced
 * by strategy.
 */
export const applySchemaOf = (type: string): PatchSchema => ({
  field: name => {
    const field = fieldsOf(type).get(name)
    const isTyped = field !== undefined && hasSchema(field.item) && field.shape !== 'map'
    const rule = mergeRules[`${type}.${name}`]
    const [key, ...moreKeys] = rule?.listKeys ?? []
    const isSet = rule?.strategy === 'merge' && rule.key === undefined
    return {
      rule: key !== undefined ? { strategy: 'merge', key, moreKeys } : isSet ? { strategy: 'merge' } : undefined,
      schema: isTyped ? applySchemaOf(field.item) : untyped,
    }
  },
})
