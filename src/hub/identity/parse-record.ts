/** Members of a stored JSON record, by type. @throws RangeError that names the member */
export const parseRecord = (json: unknown) => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new RangeError('not an object')
  const members = new Map<string, unknown>(Object.entries(json))
  const text = (name: string): string => {
    const found = members.get(name)
    if (typeof found === 'string') return found
    throw new RangeError(`"${name}" is no text`)
  }
  return {
    format: (): 1 => {
      if (members.get('format') === 1) return 1
      throw new RangeError(`format ${JSON.stringify(members.get('format'))}; this hub knows 1`)
    },
    text,
    member: (name: string): unknown => members.get(name),
    optional: (name: string): string | undefined => (members.get(name) === undefined ? undefined : text(name)),
    flag: (name: string): boolean => members.get(name) === true,
    list: <T>(name: string, parse: (json: unknown) => T): readonly T[] => {
      const found = members.get(name)
      if (Array.isArray(found)) return found.map(parse)
      throw new RangeError(`"${name}" is no list`)
    },
    texts: (name: string): { readonly [key: string]: string } => {
      const found = members.get(name)
      if (typeof found !== 'object' || found === null) throw new RangeError(`"${name}" is no object`)
      return Object.fromEntries(Object.entries(found).map(([key, value]) => [key, String(value)]))
    },
  }
}
