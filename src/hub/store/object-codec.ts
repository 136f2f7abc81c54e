import { Fault } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import type { AtRest } from '../ports.ts'

/** The first byte of a sealed value. A plain one begins with `{`. */
const sealedMark = 0x01

export interface ObjectCodec {
  /** The bytes that the store keeps. The resource version is not in them: it is the revision that they get. */
  encode(kind: Kind, key: string, object: KubeObject): Uint8Array
  /** @throws Fault Malformed when the bytes are not an object, or cannot be unsealed */
  decode(key: string, value: Uint8Array, revision: number): KubeObject
}

/** Objects as JSON in the store; Secrets sealed, bound to their key. */
export const objectCodec = (atRest: AtRest): ObjectCodec => ({
  encode(kind, key, object) {
    const { resourceVersion: _, ...metadata } = object.metadata
    // An encoder's bytes have a buffer of their own, so that a message to the store's thread copies just them.
    const plain = new TextEncoder().encode(JSON.stringify({ ...object, metadata }))
    if (kind.kind !== 'Secret') return plain
    const sealed = atRest.seal(plain, key)
    const marked = new Uint8Array(sealed.length + 1)
    marked[0] = sealedMark
    marked.set(sealed, 1)
    return marked
  },
  decode(key, value, revision) {
    const plain = value[0] === sealedMark ? atRest.open(value.subarray(1), key) : value
    let parsed: unknown
    try {
      parsed = JSON.parse(new TextDecoder().decode(plain))
    } catch (error) {
      throw new Fault('Malformed', `the stored object ${key} is not JSON: restore the newest backup`, { key }, error)
    }
    if (!isObject(parsed)) throw new Fault('Malformed', `the stored object ${key} has no metadata`, { key })
    return { ...parsed, metadata: { ...parsed.metadata, resourceVersion: String(revision) } }
  },
})

const isObject = (value: unknown): value is KubeObject =>
  typeof value === 'object' &&
  value !== null &&
  'metadata' in value &&
  typeof value.metadata === 'object' &&
  value.metadata !== null
