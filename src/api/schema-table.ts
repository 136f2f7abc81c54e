/**
 * The generated table: type -> field -> what it is. A word is a scalar (`string`, `int32`, `int64`, `double`, `boolean`,
 * `Quantity`, `IntOrString`, `Time`, `MicroTime`, `bytes`, `any`) or a type of the table; `[]` after it makes a list,
 * `{}` around it a map by string; `!` at the end says that the field is always there.
 *
 * @example { containers: 'Container[]!', nodeSelector: '{string}', hostNetwork: 'boolean' }
 */
export interface SchemaTable {
  readonly [type: string]: { readonly [field: string]: string }
}

/** A word of the table, taken apart. */
export interface FieldType {
  readonly shape: 'one' | 'list' | 'map' | 'map of lists'
  /** A scalar or a type of the table. */
  readonly item: string
  readonly isRequired: boolean
}

/** @example fieldType('Container[]!') // { shape: 'list', item: 'Container', isRequired: true } */
export const fieldType = (word: string): FieldType => {
  const isRequired = word.endsWith('!')
  const bare = isRequired ? word.slice(0, -1) : word
  if (bare.endsWith('[]}')) return { shape: 'map of lists', item: bare.slice(1, -3), isRequired }
  if (bare.endsWith('}')) return { shape: 'map', item: bare.slice(1, -1), isRequired }
  if (bare.endsWith('[]')) return { shape: 'list', item: bare.slice(0, -2), isRequired }
  return { shape: 'one', item: bare, isRequired }
}
