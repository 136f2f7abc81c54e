import { Fault } from '../api/fault.ts'

/** Reading what the hub sent, without casts: the CLI shows what is there and says what is not. */
export type Shown = { readonly [key: string]: unknown }

export const isShown = (value: unknown): value is Shown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws Fault Malformed when the value is no object */
export const shown = (value: unknown): Shown => {
  if (isShown(value)) return value
  throw new Fault(
    'Malformed',
    `the hub answered with ${JSON.stringify(value)?.slice(0, 60)} where an object was expected`,
  )
}

/** The value at a path of member names, or undefined. */
export const at = (value: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>(
    (here, step) =>
      typeof step === 'number'
        ? Array.isArray(here)
          ? here[step]
          : undefined
        : isShown(here)
          ? here[step]
          : undefined,
    value,
  )

export const textAt = (value: unknown, ...path: readonly (string | number)[]): string | undefined => {
  const found = at(value, ...path)
  return typeof found === 'string'
    ? found
    : typeof found === 'number' || typeof found === 'boolean'
      ? String(found)
      : undefined
}

export const numberAt = (value: unknown, ...path: readonly (string | number)[]): number | undefined => {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : undefined
}

export const listAt = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** The members of a map of strings, e.g. labels. */
export const stringsAt = (
  value: unknown,
  ...path: readonly (string | number)[]
): readonly (readonly [string, string])[] => {
  const found = at(value, ...path)
  return isShown(found) ? Object.entries(found).map(([key, member]) => [key, String(member)] as const) : []
}
