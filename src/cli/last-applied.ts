/**
 * The three-way patch of `apply`: everything that the manifest says, and a deletion for everything that the last
 * applied manifest said and this one does not. What others have set in between stays (k8s: kubectl apply).
 */
export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

type Json = { readonly [key: string]: unknown }
const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** How lists at a path merge: by which member, as a set, or (undefined) replaced whole. */
export type MergeRule = (path: readonly string[]) => { readonly key?: string; readonly isSet?: boolean } | undefined

/**
 * A strategic merge patch from the manifest applied last to the one applied now.
 *
 * @example applyPatchOf({ spec: { a: 1, b: 2 } }, { spec: { a: 1 } }, () => undefined) // { spec: { a: 1, b: null } }
 */
export const applyPatchOf = (
  last: unknown,
  wanted: unknown,
  rule: MergeRule,
  path: readonly string[] = [],
): unknown => {
  if (Array.isArray(wanted)) return mergeLists(Array.isArray(last) ? last : [], wanted, rule, path)
  if (!isMap(wanted)) return wanted
  const before = isMap(last) ? last : {}
  const patch: { [key: string]: unknown } = {}
  for (const [key, value] of Object.entries(wanted)) {
    patch[key] = applyPatchOf(before[key], value, rule, [...path, key])
    const removed = removedFromSet(before[key], value, rule([...path, key]))
    if (removed.length > 0) patch[`$deleteFromPrimitiveList/${key}`] = removed
  }
  for (const [key, value] of Object.entries(before)) {
    if (key in wanted || value === null || value === undefined) continue
    patch[key] = null
  }
  return patch
}

const mergeLists = (
  last: readonly unknown[],
  wanted: readonly unknown[],
  rule: MergeRule,
  path: readonly string[],
): readonly unknown[] => {
  const key = rule(path)?.key
  if (key === undefined) return wanted
  const nameOf = (item: unknown): unknown => (isMap(item) ? item[key] : undefined)
  const changed = wanted.map(item =>
    applyPatchOf(
      last.find(one => nameOf(one) === nameOf(item)),
      item,
      rule,
      path,
    ),
  )
  const gone = last.filter(item => nameOf(item) !== undefined && !wanted.some(one => nameOf(one) === nameOf(item)))
  return [...changed, ...gone.map(item => ({ $patch: 'delete', [key]: nameOf(item) }))]
}

const removedFromSet = (last: unknown, wanted: unknown, rule: ReturnType<MergeRule>): readonly unknown[] =>
  rule?.isSet === true && Array.isArray(last) && Array.isArray(wanted)
    ? last.filter(item => !wanted.includes(item))
    : []
