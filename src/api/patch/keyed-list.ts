import { Fault } from '../fault.ts'

/** By what the items of a list are told apart: one field, or several, or the whole item where there is none. */
export type ListKey = { readonly key?: string; readonly moreKeys?: readonly string[] } | undefined

/** No list of a manifest is longer; a patch with a longer one is no honest patch. */
export const maxListItems = 5_000

/** @throws Fault BadRequest above `maxListItems` */
export const boundedList = (list: readonly unknown[], name: string): readonly unknown[] => {
  if (list.length > maxListItems) {
    throw new Fault('BadRequest', `the list ${name} may have ${maxListItems} items, this one has ${list.length}`)
  }
  return list
}

/** What a key is where an item does not say it. */
const keyDefaults: ReadonlyMap<string, string> = new Map([['protocol', 'TCP']])

/** What makes an item this one and no other, as a text; undefined where it lacks its key. */
export const identityOf = (item: unknown, of: ListKey): string | undefined => {
  const key = of?.key
  if (key === undefined) return JSON.stringify(item)
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined
  const members = new Map<string, unknown>(Object.entries(item))
  if (members.get(key) === undefined) return undefined
  return JSON.stringify([key, ...(of?.moreKeys ?? [])].map(name => members.get(name) ?? keyDefaults.get(name)))
}

/** Identity -> first place in the list. */
export const placesOf = (list: readonly unknown[], of: ListKey): ReadonlyMap<string | undefined, number> => {
  const places = new Map<string | undefined, number>()
  for (const [index, item] of list.entries()) {
    const identity = identityOf(item, of)
    if (identity !== undefined && !places.has(identity)) places.set(identity, index)
  }
  return places
}

/**
 * Items that the patch knows stand in its order; the others keep theirs, each before the next item that it stood before
 * (k8s: normalizeElementOrder, mergeSortedSlice).
 */
export const inOrder = (
  items: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  of: ListKey,
): readonly unknown[] => {
  const wanted = placesOf(order, of)
  const had = placesOf(before, of)
  const placed = items.map(item => {
    const identity = identityOf(item, of)
    return { item, wanted: wanted.get(identity), had: had.get(identity) }
  })
  const known = placed.filter(one => one.wanted !== undefined).toSorted((a, b) => (a.wanted ?? 0) - (b.wanted ?? 0))
  const others = placed.filter(one => one.wanted === undefined).toSorted((a, b) => (a.had ?? -1) - (b.had ?? -1))
  const result: unknown[] = []
  let next = 0
  for (const { item, had: here } of known) {
    for (; next < others.length && here !== undefined; next += 1) {
      const there = others[next]?.had
      if (there === undefined || there >= here) break
      result.push(others[next]?.item)
    }
    result.push(item)
  }
  return [...result, ...others.slice(next).map(one => one.item)]
}
