/**
 * Whether two JSON values mean the same: members in any order, and a member that is absent, null, or an empty list or
 * map equals one that is not there (k8s: equality.Semantic).
 *
 * @example isEqual({ a: 1, b: [] }, { a: 1 }) // true
 */
export const isEqual = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (isEmpty(a) && isEmpty(b)) return true
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
    )
  }
  if (!isMap(a) || !isMap(b)) return false
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(key => isEqual(own(a, key), own(b, key)))
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0)

const isMap = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (map: { readonly [key: string]: unknown }, key: string): unknown =>
  Object.hasOwn(map, key) ? map[key] : undefined
