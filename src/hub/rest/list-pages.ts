import { Fault } from '../../api/fault.ts'
import type { KubeObject, ObjectKey } from '../../api/types.ts'

interface Held {
  readonly list: readonly KubeObject[]
  readonly scope: string
  readonly revision: number
  readonly until: number
}

/** Where a paged list goes on. */
export interface Continued {
  /** As of which revision the list is told; undefined: as it is now, for who asks to go on without consistency. */
  readonly held: { readonly list: readonly KubeObject[]; readonly revision: number } | undefined
  readonly after: ObjectKey
}

/** Lists that clients read in pages: the later pages show the same moment as the first. */
export interface ListPages {
  /** The token by which the list goes on after `last`. `scope`: kind and namespace, which must be the same then. */
  hold(list: readonly KubeObject[], scope: string, revision: number, last: ObjectKey, id?: string): string
  /** @throws Fault BadRequest for a token that is none; Expired, with a fresh token, for one that is too old */
  resume(token: string, scope: string): Continued & { readonly id: string | undefined }
}

/**
 * Keeps up to `most` lists for `forMs`; above it the oldest goes, and its reader is told to go on without consistency
 * or to start again (410). A list costs only its references.
 */
export const listPages = ({
  now,
  most = 64,
  forMs = 5 * 60_000,
}: {
  readonly now: () => number
  readonly most?: number
  readonly forMs?: number
}): ListPages => {
  const held = new Map<string, Held>()
  let count = 0

  return {
    hold(list, scope, revision, last, id) {
      let own = id
      if (own === undefined || !held.has(own)) {
        count += 1
        own = String(count)
        held.set(own, { list, scope, revision, until: now() + forMs })
        for (const oldest of held.keys()) {
          if (held.size <= most) break
          held.delete(oldest)
        }
      }
      return encode({ id: own, revision, ...last })
    },
    resume(token, scope) {
      const { id, revision, ...after } = decode(token)
      if (id === '') return { held: undefined, after, id: undefined }
      const found = held.get(id)
      if (found !== undefined && found.scope !== scope) throw malformed()
      if (found !== undefined && found.until >= now() && found.revision === revision) return { held: found, after, id }
      held.delete(id)
      throw new Fault(
        'Expired',
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
        { continue: encode({ id: '', revision, ...after }) },
      )
    },
  }
}

interface Token extends ObjectKey {
  readonly id: string
  readonly revision: number
}

const encode = (token: Token): string => Buffer.from(JSON.stringify(token)).toString('base64url')

const malformed = (): Fault =>
  new Fault('BadRequest', 'continue key is not valid: start a new list without the continue parameter')

const decode = (text: string): Token => {
  let found: unknown
  try {
    found = JSON.parse(Buffer.from(text.slice(0, 2048), 'base64url').toString())
  } catch {
    throw malformed()
  }
  if (typeof found !== 'object' || found === null) throw malformed()
  const of: { readonly [field: string]: unknown } = { ...found }
  const { id, revision, namespace, name } = of
  if (typeof id !== 'string' || typeof revision !== 'number') throw malformed()
  if (typeof namespace !== 'string' || typeof name !== 'string') throw malformed()
  return { id, revision, namespace, name }
}
