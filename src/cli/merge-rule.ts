import type { Kind } from '../api/kind.ts'
import { mergeRules } from '../api/merge-keys.ts'
import { fieldsOf, hasSchema } from '../api/schema.ts'
import type { MergeRule } from './last-applied.ts'

/**
 * How the lists of a kind merge, by their path from the object's root: what the schema table and the merge keys say.
 *
 * @example mergeRuleOf(kindNamed('Deployment'))(['spec', 'template', 'spec', 'containers']) // { key: 'name' }
 */
export const mergeRuleOf =
  (kind: Kind): MergeRule =>
  path => {
    let type: string | undefined = kind.schema
    let rule: { readonly key?: string; readonly isSet?: boolean } | undefined
    for (const step of path) {
      if (type === undefined || !hasSchema(type)) return undefined
      const field = fieldsOf(type).get(step)
      const merge = mergeRules[`${type}.${step}`]
      rule =
        merge?.strategy?.includes('merge') === true
          ? merge.key === undefined
            ? { isSet: true }
            : { key: merge.key }
          : undefined
      // The keys of a map are not fields: what is below them has no rules here.
      type = field?.shape === 'one' || field?.shape === 'list' ? field.item : undefined
    }
    return rule
  }
