import { Fault } from '../api/fault.ts'

/**
 * Parsers as values: each takes what came from outside and gives it its type, or throws naming the field, what was
 * found and what was expected. Unknown members of a record are left out, so a newer sender does no harm.
 */
export type Parse<T> = (value: unknown, at: string) => T

/** Nesting that any message may have. JSON.parse itself has no bound. */
const mostDepth = 48

/**
 * Reads JSON text of at most `mostBytes`, which must have been checked where the text was made.
 *
 * @example parseJson(text, parseHello, 'u/hello')
 * @throws Fault Malformed
 */
export const parseJson = <T>(text: string, parse: Parse<T>, at: string): T => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Fault('Malformed', `${at} is not JSON`, { at }, cause)
  }
  checkDepth(value, at, mostDepth)
  return parse(value, at)
}

const checkDepth = (value: unknown, at: string, left: number): void => {
  if (value === null || typeof value !== 'object') return
  if (left === 0) throw new Fault('Malformed', `${at} is nested deeper than ${mostDepth} levels`, { at })
  for (const member of Object.values(value)) checkDepth(member, at, left - 1)
}

export const malformed = (at: string, value: unknown, expected: string): Fault =>
  new Fault('Malformed', `${at} is ${brief(value)}, but must be ${expected}`, { at })

const brief = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value !== null && typeof value === 'object') return 'an object'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** A string of at most `most` UTF-16 units. */
export const text =
  (most: number, pattern?: RegExp): Parse<string> =>
  (value, at) => {
    if (typeof value === 'string' && value.length <= most && (pattern === undefined || pattern.test(value)))
      return value
    throw malformed(at, value, `a string of at most ${most} characters${pattern === undefined ? '' : ` (${pattern})`}`)
  }

/** A whole number from 0 to 2^53 - 1. */
export const count: Parse<number> = (value, at) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw malformed(at, value, 'a whole number, 0 or more')
}

export const wholeNumber =
  (least: number, most: number): Parse<number> =>
  (value, at) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw malformed(at, value, `a whole number from ${least} to ${most}`)
  }

export const finite: Parse<number> = (value, at) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw malformed(at, value, 'a number')
}

export const flag: Parse<boolean> = (value, at) => {
  if (typeof value === 'boolean') return value
  throw malformed(at, value, 'true or false')
}

export const oneOf =
  <T extends string | number>(...choices: readonly T[]): Parse<T> =>
  (value, at) => {
    const found = choices.find(choice => choice === value)
    if (found === undefined) throw malformed(at, value, choices.map(choice => JSON.stringify(choice)).join(' or '))
    return found
  }

/** Absent stays absent. */
export const maybe =
  <T>(parse: Parse<T>): Parse<T | undefined> =>
  (value, at) =>
    value === undefined ? undefined : parse(value, at)

export const list =
  <T>(most: number, parse: Parse<T>): Parse<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length > most) throw malformed(at, value, `a list of at most ${most}`)
    return value.map((item, index) => parse(item, `${at}[${index}]`))
  }

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** An object whose keys are data. */
export const dictionary =
  <T>(most: number, parse: Parse<T>): Parse<{ readonly [key: string]: T }> =>
  (value, at) => {
    if (!isObject(value) || Object.keys(value).length > most)
      throw malformed(at, value, `an object of at most ${most} members`)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, parse(member, `${at}.${key}`)]))
  }

/**
 * An object with these members. The one place where a checked object gets its type.
 *
 * @example const parseLive = record<Live>({ format: oneOf(1), connection: count, up: flag })
 */
export const record =
  <T extends object>(members: { readonly [Name in keyof T]-?: Parse<T[Name]> }): Parse<T> =>
  (value, at) => {
    if (!isObject(value)) throw malformed(at, value, 'an object')
    const known: Partial<T> = {}
    for (const name of Object.keys(members) as (keyof T & string)[]) {
      const member = members[name](Object.hasOwn(value, name) ? value[name] : undefined, `${at}.${name}`)
      if (member !== undefined) known[name] = member
    }
    return known as T
  }
