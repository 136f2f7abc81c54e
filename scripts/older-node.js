/** What the sources use and Node 18 or 20 does not have. In every bundle, before anything else. Newer ones keep their own. */
Array.prototype.toSorted ??= function (order) {
  return [...this].sort(order)
}
Array.prototype.toReversed ??= function () {
  return [...this].reverse()
}
Promise.withResolvers ??= function () {
  const made = {}
  made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}
Map.groupBy ??= (items, keyOf) => {
  const groups = new Map()
  for (const item of items) {
    const key = keyOf(item)
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return groups
}
AbortSignal.any ??= signals => {
  const either = new AbortController()
  const abort = event => {
    for (const one of signals) one.removeEventListener('abort', abort)
    either.abort(event.target.reason)
  }
  const ended = signals.find(one => one.aborted)
  if (ended === undefined) for (const one of signals) one.addEventListener('abort', abort)
  else either.abort(ended.reason)
  return either.signal
}
