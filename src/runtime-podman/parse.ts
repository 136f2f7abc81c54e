import { Fault } from '../api/fault.ts'

/** An object of unknown members, as JSON brings it. */
export type Fields = { readonly [name: string]: unknown }

/** @throws Fault Malformed where the engine answered with something else; `what` names the answer. */
export const objectOf = (value: unknown, what: string): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new Fault('Malformed', `the engine answered nonsense: ${what} is ${kindOf(value)}, expected an object`, {
    what,
  })
}

/** A list of at most 100,000 entries; null is the engine's word for an empty one. */
export const listOf = (value: unknown, what: string): readonly unknown[] => {
  if (value === null) return []
  if (Array.isArray(value) && value.length <= 100_000) return value
  throw new Fault('Malformed', `the engine answered nonsense: ${what} is ${kindOf(value)}, expected a list`, { what })
}

export const textOf = (value: unknown, what: string): string => {
  if (typeof value === 'string') return value
  throw new Fault('Malformed', `the engine answered nonsense: ${what} is ${kindOf(value)}, expected text`, { what })
}

export const numberOf = (value: unknown, what: string): number => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Fault('Malformed', `the engine answered nonsense: ${what} is ${kindOf(value)}, expected a number`, { what })
}

/** The strings among the entries of a list; anything that is not a list has none. */
export const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter(one => typeof one === 'string') : []

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : value === undefined ? 'missing' : typeof value
