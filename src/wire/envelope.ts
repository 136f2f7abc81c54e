import { type KeyObject, sign, verify } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { Fault } from '../api/fault.ts'
import type { DocumentTuple } from '../core/nodes/assignment.ts'
import { type EnvelopeHeader, readHeader, writeHeader } from './envelope-header.ts'
import { seal } from './seal.ts'

/*
 *   header (who, to whom, which topic, order, times) | body | Ed25519 signature (64)
 *
 *   body = JSON -> raw deflate -> sealed to the node's X25519 key (hub to node)
 *   body = JSON -> raw deflate                                    (node to hub, hub to all)
 *
 * The signature covers a domain string and every byte before it, so nothing needs a canonical form. A broker sees
 * sizes, times and topics, nothing else of what the hub says to a node.
 */

export type Direction = 'down' | 'up'

const signatureBytes = 64
const domains: Record<Direction, Buffer> = {
  down: Buffer.from('dunlin envelope 1 hub to node\0'),
  up: Buffer.from('dunlin envelope 1 node to hub\0'),
}
const flagDeflated = 1
const flagSealed = 2

/** Signs bytes with one Ed25519 key, which others know by `id` (see `keyId`). */
export interface Signer {
  readonly id: string
  sign(bytes: Uint8Array): Uint8Array
}

/** @example signerOf(hubKeys.id, hubKeys.privateKey) */
export const signerOf = (id: string, privateKey: KeyObject): Signer => ({
  id,
  sign: bytes => sign(null, bytes, privateKey),
})

export interface EnvelopeToWrite {
  readonly direction: Direction
  readonly fleet: string
  /** The node's uid, whichever the direction; `*` to all nodes. */
  readonly audience: string
  /** Suffix: `d/state`, `u/hello`, `b/hub`. */
  readonly topic: string
  /** The order of a document. Going up, `revision` counts the messages of a session. */
  readonly tuple: DocumentTuple
  /** 32 hex digits that the hub chose for this connection; '' where there is none yet. */
  readonly session: string
  /** Milliseconds since 1970. `notAfter: 0` never expires. */
  readonly issuedAt: number
  readonly notAfter: number
  /** JSON text, or what `deflateText` made of it: for one text to many nodes. */
  readonly text: string | DeflatedText
  readonly sealTo?: KeyObject
}

export interface DeflatedText {
  readonly deflated: Uint8Array
  readonly plainLength: number
}

export const deflateText = (text: string): DeflatedText => {
  const plain = Buffer.from(text)
  return { deflated: deflateRawSync(plain, { level: 6 }), plainLength: plain.length }
}

/**
 * The exact bytes for one message.
 *
 * @example writeEnvelope({ direction: 'down', topic: 'd/net', text: JSON.stringify(body), sealTo, … }, signer)
 */
export const writeEnvelope = (of: EnvelopeToWrite, signer: Signer): Buffer => {
  const { deflated, plainLength } = typeof of.text === 'string' ? deflateText(of.text) : of.text
  const header = writeHeader({
    flags: flagDeflated | (of.sealTo === undefined ? 0 : flagSealed),
    keyId: signer.id,
    fleet: of.fleet,
    audience: of.audience,
    topic: of.topic,
    tuple: of.tuple,
    session: of.session,
    issuedAt: of.issuedAt,
    notAfter: of.notAfter,
    plainLength,
  })
  const body = of.sealTo === undefined ? deflated : seal(of.sealTo, deflated, header)
  const signed = Buffer.concat([header, body])
  return Buffer.concat([signed, signer.sign(Buffer.concat([domains[of.direction], signed]))])
}

export interface EnvelopeToRead {
  readonly direction: Direction
  readonly fleet: string
  readonly audience: string
  readonly topic: string
  /** The Ed25519 public key of that id, where it is trusted for this sender. */
  verifyKey(id: string): KeyObject | undefined
  /** Given: the body must be sealed, and is opened with it. */
  readonly open?: (sealed: Uint8Array, context: Uint8Array) => Uint8Array
  /** Bound of the inflated JSON. */
  readonly mostPlainBytes: number
}

export interface Opened {
  readonly header: EnvelopeHeader
  /** JSON text, not parsed yet. */
  readonly text: string
}

/**
 * Checks everything an envelope must hold before a byte of its body is looked at: form, signature, fleet, audience
 * and topic. Order and expiry are the reader's to judge.
 *
 * @throws Fault Malformed when the bytes are not an envelope; Distrusted when it is not for us or not from whom it says
 */
export const readEnvelope = (bytes: Uint8Array, expect: EnvelopeToRead): Opened => {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { header, length } = readHeader(whole)
  if (whole.length < length + signatureBytes) throw cutShort(whole.length, length + signatureBytes)
  for (const field of ['fleet', 'audience', 'topic'] as const) {
    if (header[field] !== expect[field])
      throw new Fault(
        'Distrusted',
        `an envelope names ${field} "${header[field]}", but "${expect[field]}" is what it came to`,
        { field, found: header[field], expected: expect[field] },
      )
  }
  const key = expect.verifyKey(header.keyId)
  if (key === undefined)
    throw new Fault('Distrusted', `an envelope is signed by key ${header.keyId}, which is not trusted here`, {
      keyId: header.keyId,
    })
  const signed = whole.subarray(0, -signatureBytes)
  if (!verify(null, Buffer.concat([domains[expect.direction], signed]), key, whole.subarray(-signatureBytes)))
    throw new Fault('Distrusted', `the signature of an envelope on ${header.topic} does not hold: forged or changed`, {
      topic: header.topic,
      keyId: header.keyId,
    })
  return { header, text: readBody(header, whole.subarray(0, length), signed.subarray(length), expect) }
}

const readBody = (header: EnvelopeHeader, context: Buffer, body: Buffer, expect: EnvelopeToRead): string => {
  const isSealed = (header.flags & flagSealed) !== 0
  if (isSealed !== (expect.open !== undefined))
    throw new Fault(
      'Distrusted',
      `an envelope on ${header.topic} is ${isSealed ? '' : 'not '}sealed, and must ${isSealed ? 'not ' : ''}be`,
      { topic: header.topic },
    )
  if (header.plainLength > expect.mostPlainBytes)
    throw new Fault(
      'Malformed',
      `an envelope on ${header.topic} announces ${header.plainLength} bytes; at most ${expect.mostPlainBytes} are read`,
      { topic: header.topic },
    )
  const deflated = expect.open === undefined ? body : expect.open(body, context)
  try {
    const plain = inflateRawSync(deflated, { maxOutputLength: Math.max(header.plainLength, 1) })
    if (plain.length !== header.plainLength) throw cutShort(plain.length, header.plainLength)
    return new TextDecoder('utf-8', { fatal: true }).decode(plain)
  } catch (cause) {
    throw new Fault('Malformed', `the body of an envelope on ${header.topic} does not inflate as announced`, {}, cause)
  }
}

const cutShort = (found: number, expected: number): Fault =>
  new Fault('Malformed', `an envelope is cut short: ${found} bytes, at least ${expected} expected`)
