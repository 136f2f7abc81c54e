import { createHash } from 'node:crypto'
import type { Assignment } from '../core/nodes/assignment.ts'
import { canonicalJson } from '../lib/canonical-json.ts'

/** Lower-case hex SHA-256 of the canonical JSON of any document. */
export const documentDigest = (document: unknown): string => textDigest(canonicalJson(document))

/** Of a document that is canonical JSON already. */
export const textDigest = (canonical: string): string => createHash('sha256').update(canonical).digest('hex')

/**
 * The digest of an assignment: of the canonical JSON before compression and sealing, with each Secret represented by
 * its place, uid and resourceVersion. So a digest that is shown or logged says nothing about a secret.
 *
 * @example assignmentDigest(assignment) // '9f86d08…', 64 characters
 */
export const assignmentDigest = (assignment: Assignment): string =>
  documentDigest({
    ...assignment,
    secrets: assignment.secrets.map(({ metadata }) => ({
      namespace: metadata?.namespace,
      name: metadata?.name,
      uid: metadata?.uid,
      resourceVersion: metadata?.resourceVersion,
    })),
  })
