import { Fault } from '../fault.ts'
import type { MergeRule } from '../merge-keys.ts'
import { boundedList, identityOf, inOrder, type ListKey, placesOf } from './keyed-list.ts'

/**
 * Strategic merge patch (k8s: apimachinery/pkg/util/strategicpatch): maps merge, and lists merge by the key that their
 * type names, or are replaced. Directives in the patch: `$patch` (replace, delete, merge), `$retainKeys`,
 * `$setElementOrder/LIST` and `$deleteFromPrimitiveList/LIST`.
 */
export type Members = { readonly [field: string]: unknown }

/** What the merge must know of a type: how its fields merge, and of which type they are. */
export interface PatchSchema {
  /** Of a field that the type has not: maps merge, lists are replaced; the schema tells of it afterwards. */
  field(name: string): { readonly rule: MergeRule | undefined; readonly schema: PatchSchema }
}

/**
 * What `original` becomes by `patch`. Neither is changed.
 * @throws Fault BadRequest where a directive makes no sense, or an item lacks its merge key
 * @example strategicMerge({ a: 1, b: 2 }, { b: null, c: 3 }, untyped) // { a: 1, c: 3 }
 */
export const strategicMerge = (original: Members, patch: Members, schema: PatchSchema): Members => {
  const directive = patch['$patch']
  if (directive === 'replace') return cleanMembers(patch)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge') throw badDirective('$patch', directive)

  const result = new Map(Object.entries(retained(original, patch)))
  const done = new Set<string>()
  for (const [name, value] of Object.entries(patch)) {
    const list = named(name, '$setElementOrder/')
    if (list !== undefined) {
      done.add(list)
      setOrdered(result, list, listOf(value, name), patch, schema)
    }
  }
  for (const [name, value] of Object.entries(patch)) {
    const list = named(name, '$deleteFromPrimitiveList/')
    if (list !== undefined) {
      const now = result.get(list)
      const gone = placesOf(listOf(value, name), undefined)
      if (Array.isArray(now)) {
        result.set(
          list,
          now.filter(one => !gone.has(identityOf(one, undefined))),
        )
      }
    } else if (!name.startsWith('$') && !done.has(name)) mergeField(result, name, value, schema)
  }
  return Object.fromEntries(result)
}

/** A type of which nothing is known: maps merge, lists are replaced. */
export const untyped: PatchSchema = { field: () => ({ rule: undefined, schema: untyped }) }

const named = (name: string, prefix: string): string | undefined =>
  name.startsWith(prefix) ? name.slice(prefix.length) : undefined

const badDirective = (name: string, value: unknown): Fault =>
  new Fault(
    'BadRequest',
    `the directive ${name} of a strategic merge patch may not be ${JSON.stringify(value)?.slice(0, 64)}`,
  )

const listOf = (value: unknown, name: string): readonly unknown[] => {
  if (Array.isArray(value)) return boundedList(value, name)
  throw badDirective(name, value)
}

const isMap = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

/** With `$retainKeys`: the members that it names; and the patch may set no other. */
const retained = (original: Members, patch: Members): Members => {
  if (patch['$retainKeys'] === undefined) return original
  const keys = new Set(listOf(patch['$retainKeys'], '$retainKeys'))
  for (const [name, value] of Object.entries(patch)) {
    if (!name.startsWith('$') && value !== null && !keys.has(name)) throw badDirective('$retainKeys', [...keys])
  }
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.has(name)))
}

const mergeField = (result: Map<string, unknown>, name: string, value: unknown, of: PatchSchema): void => {
  const now = result.get(name)
  if (value === null) {
    result.delete(name)
    return
  }
  const { rule, schema } = of.field(name)
  if (isMap(now) && isMap(value)) {
    result.set(name, rule?.strategy === 'replace' ? cleanMembers(value) : strategicMerge(now, value, schema))
    return
  }
  if (Array.isArray(now) && Array.isArray(value)) {
    result.set(name, isMerging(rule) ? mergeList(now, value, rule, schema, name) : clean(value))
    return
  }
  if (isMap(value) && value['$patch'] === 'delete') result.delete(name)
  else result.set(name, clean(value))
}

const isMerging = (rule: MergeRule | undefined): rule is MergeRule => rule?.strategy?.startsWith('merge') === true

/** A value that is taken whole: without nulls, directives, and what a directive deletes. */
const clean = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.filter(one => !(isMap(one) && one['$patch'] !== undefined)).map(clean)
  return isMap(value) ? cleanMembers(value) : value
}

const cleanMembers = (value: Members): Members =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => !name.startsWith('$') && member !== null)
      .filter(([, member]) => !(isMap(member) && member['$patch'] === 'delete'))
      .map(([name, member]) => [name, clean(member)]),
  )

const mergeList = (
  now: readonly unknown[],
  patch: readonly unknown[],
  rule: MergeRule,
  schema: PatchSchema,
  name: string,
): readonly unknown[] => {
  const merged = mergeItems(now, patch, rule, schema, name)
  return inOrder(merged, patch, now, rule)
}

/** The items of both, those of the patch merged into their namesakes. */
const mergeItems = (
  now: readonly unknown[],
  patch: readonly unknown[],
  rule: MergeRule,
  schema: PatchSchema,
  name: string,
): readonly unknown[] => {
  const { key } = rule
  if (key === undefined) {
    const both = [...now, ...boundedList(patch, name)]
    const first = placesOf(both, rule)
    return both.filter((one, index) => first.get(identityOf(one, rule)) === index)
  }
  const items = boundedList(patch, name).map(one => keyed(one, key, name))
  const isReplaced = items.some(one => one['$patch'] === 'replace')
  const plain = items.filter(one => one['$patch'] === undefined || one['$patch'] === 'merge')
  if (isReplaced) return plain.map(cleanMembers)
  const gone = placesOf(
    items.filter(one => one['$patch'] === 'delete'),
    rule,
  )
  const result = now.filter(one => !gone.has(identityOf(one, rule)))
  const places = new Map(placesOf(result, rule))
  for (const item of plain) {
    const identity = identityOf(item, rule)
    const at = places.get(identity)
    const old = at === undefined ? undefined : result[at]
    if (at !== undefined && isMap(old)) result[at] = strategicMerge(old, item, schema)
    else {
      places.set(identity, result.length)
      result.push(cleanMembers(item))
    }
  }
  return result
}

/** An item of a keyed list. @throws Fault BadRequest where it has no key */
const keyed = (item: unknown, key: string, name: string): Members => {
  if (!isMap(item)) throw new Fault('BadRequest', `an item of ${name} in the patch is not an object`)
  const directive = item['$patch']
  if (directive !== undefined && directive !== 'delete' && directive !== 'replace' && directive !== 'merge') {
    throw badDirective('$patch', directive)
  }
  if (item[key] === undefined && directive !== 'replace') {
    throw new Fault('BadRequest', `an item of ${name} in the patch does not contain the declared merge key: ${key}`)
  }
  return item
}

/** Merges the list that a `$setElementOrder` is about, and puts it into that order. */
const setOrdered = (
  result: Map<string, unknown>,
  name: string,
  order: readonly unknown[],
  patch: Members,
  of: PatchSchema,
): void => {
  const now = result.get(name) ?? []
  const changed = Object.hasOwn(patch, name) ? patch[name] : undefined
  const wanted = changed ?? []
  if (changed === null) result.delete(name)
  const { rule, schema } = of.field(name)
  if (!Array.isArray(now) || !Array.isArray(wanted)) throw badDirective(`$setElementOrder/${name}`, wanted)
  checkOrder(wanted, order, rule, name)
  if (!result.has(name) && changed === undefined) return
  const merged = changed === undefined ? now : isMerging(rule) ? mergeItems(now, wanted, rule, schema, name) : wanted
  // k8s: a new item takes the place of a deleted one when the order of the list as it was is asked for.
  const before = merged.slice(0, now.length)
  result.set(name, inOrder(merged, order, before, rule))
}

/** The items of the patch must stand in the order that it sets. */
const checkOrder = (items: readonly unknown[], order: readonly unknown[], key: ListKey, name: string): void => {
  const staying = items.filter(one => !(isMap(one) && one['$patch'] !== undefined))
  if (order.length === 0 || staying.length === 0) return
  let at = 0
  for (const one of order) if (at < staying.length && identityOf(staying[at], key) === identityOf(one, key)) at += 1
  if (at < staying.length) {
    throw new Fault('BadRequest', `the order in the patch list ${name} doesn't match $setElementOrder/${name}`)
  }
}
