import { createHash } from 'node:crypto'
import type { HttpRequest, HttpResponse } from './door.ts'

interface Made {
  readonly bytes: Buffer
  readonly etag: string
}

/** Documents that stay as they are for as long as the hub runs: made when first asked for, one for each name. */
const made = new Map<string, Made>()

/**
 * Answers with a document that never changes, or with 304 where the client has it. `name` is ours, never the client's,
 * so that there are no more of them than documents.
 */
export const staticDocument = (
  http: HttpRequest,
  name: string,
  make: () => unknown,
  headers: NonNullable<HttpResponse['headers']> = {},
): HttpResponse => {
  const known = made.get(name) ?? makeDocument(make())
  made.set(name, known)
  const all = { 'content-type': 'application/json', etag: known.etag, vary: 'Accept', ...headers }
  const has = String(http.headers['if-none-match'] ?? '')
    .split(',')
    .some(one => one.trim() === known.etag)
  return has ? { status: 304, headers: all } : { status: 200, headers: all, body: known.bytes }
}

const makeDocument = (value: unknown): Made => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32).toUpperCase()}"` }
}
