import type { HttpResponse } from './door.ts'

/** Warnings of one answer, and characters of one: upstream's bounds, so that headers stay small. */
const mostWarnings = 20
const mostCharacters = 256

/**
 * `Warning: 299 - "text"` headers, which kubectl prints (RFC 7234 section 5.5).
 * Above twenty the rest is left out; a long one is cut.
 */
export const warningHeaders = (warnings: readonly string[]): NonNullable<HttpResponse['headers']> => {
  const distinct = [...new Set(warnings)].slice(0, mostWarnings)
  return distinct.length === 0 ? {} : { warning: distinct.map(text => `299 - "${quoted(text)}"`) }
}

const quoted = (text: string): string =>
  text
    .slice(0, mostCharacters)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/[\\"]/g, '\\$&')
