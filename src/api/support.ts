import { forbidden } from './causes.ts'
import { isEqual } from './equal.ts'
import type { FaultCause } from './fault.ts'
import { fieldsOf } from './schema.ts'

/** The release that the messages speak of; kept equal to package.json by a test. */
export const release = '0.1'

/**
 * What becomes of a field that Kubernetes knows: it does what it says; or it is refused, because leaving it out would
 * change meaning or security; or it is stored, and the writer is told that it does nothing yet. Never ignored in silence.
 */
export type Support = 'runs' | Unsupported

export interface Unsupported {
  readonly action: 'refuse' | 'warn'
  /** What does not happen, in a few words. */
  readonly why: string
  /** Values that ask for nothing: `false`, the default, an empty list. */
  readonly unless: readonly unknown[]
}

export interface SupportTable {
  readonly [type: string]: { readonly [field: string]: Support }
}

/** Fields that do what they say. */
export const runs = (...fields: readonly string[]): { readonly [field: string]: Support } =>
  Object.fromEntries(fields.map(field => [field, 'runs' as const]))

export const refused = (why: string, ...unless: readonly unknown[]): Unsupported => ({ action: 'refuse', why, unless })

export const warned = (why: string, ...unless: readonly unknown[]): Unsupported => ({ action: 'warn', why, unless })

export interface SupportFindings {
  readonly causes: readonly FaultCause[]
  readonly warnings: readonly string[]
}

/**
 * What of a value is refused, and what is told, by a table of support.
 * @param type of the value, in the schema table
 * @param field path of the value, such as `spec.template.spec`
 */
export const supportFindings = (value: unknown, type: string, field: string, table: SupportTable): SupportFindings => {
  const causes: FaultCause[] = []
  const warnings: string[] = []
  const visit = (one: unknown, type: string, field: string): void => {
    const words = table[type]
    if (words === undefined || typeof one !== 'object' || one === null) return
    for (const [name, member] of Object.entries(one)) {
      const known = fieldsOf(type).get(name)
      const support = Object.hasOwn(words, name) ? words[name] : undefined
      if (known === undefined || support === undefined || member === undefined) continue
      const at = `${field}.${name}`
      if (support === 'runs') {
        if (Array.isArray(member))
          for (const [index, item] of member.entries()) visit(item, known.item, `${at}[${index}]`)
        else visit(member, known.item, at)
      } else if (!isEqual(member, undefined) && !support.unless.some(harmless => isEqual(harmless, member))) {
        if (support.action === 'refuse')
          causes.push(forbidden(at, `not supported in release ${release}: ${support.why}`))
        else warnings.push(`${at}: stored, but without effect in release ${release}: ${support.why}`)
      }
    }
  }
  visit(value, type, field)
  return { causes, warnings }
}
