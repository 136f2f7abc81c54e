/**
 * Whether two JSON values are equal: the order of an object's keys does not matter, and a member that is `undefined`
 * counts as absent.
 *
 * @example sameJson({ a: 1, b: undefined }, { a: 1 }) // true
 */
export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => sameJson(item, b[index]))
  }
  const [left, right] = [a as { [key: string]: unknown }, b as { [key: string]: unknown }]
  for (const key of Object.keys(left)) {
    if (left[key] !== undefined && !(Object.hasOwn(right, key) && sameJson(left[key], right[key]))) return false
  }
  return Object.keys(right).every(key => right[key] === undefined || Object.hasOwn(left, key))
}
