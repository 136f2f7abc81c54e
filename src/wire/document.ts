import { maybe, oneOf, type Parse, record, text, wholeNumber } from './parse.ts'

/**
 * The body of `d/state` and `d/net`: the document itself, or, where its envelope would be too large for MQTT, where it
 * is fetched. `digest` is the hub's word for the content: an agent compares it, and never computes it.
 */
export interface DocumentBody<T> {
  readonly format: 1
  readonly digest: string
  readonly document?: T
  /** Instead of `document`: bytes of the envelope to fetch from `/dunlin/v1/documents/<which>/<digest>`. */
  readonly fetchBytes?: number
}

/** Which of the two documents. */
export type DocumentName = 'state' | 'net'

export const documentNames: readonly DocumentName[] = ['state', 'net']

/** An envelope above this is announced and fetched by HTTPS. */
export const mostMessageBytes = 256 * 1024
/** An envelope that is fetched. */
export const mostFetchBytes = 16 * 1024 * 1024
/** JSON of a document, inflated. */
export const mostDocumentBytes = 32 * 1024 * 1024
/** JSON of any other message, inflated. */
export const mostPlainBytes = 2 * 1024 * 1024

export const documentPath = (which: DocumentName, digest: string): string => `/dunlin/v1/documents/${which}/${digest}`

export const parseDigest: Parse<string> = text(64, /^[0-9a-f]{64}$/)

export const documentBody = <T>(parse: Parse<T>): Parse<DocumentBody<T>> =>
  record<DocumentBody<T>>({
    format: oneOf(1),
    digest: parseDigest,
    document: maybe(parse),
    fetchBytes: maybe(wholeNumber(1, mostFetchBytes)),
  })
