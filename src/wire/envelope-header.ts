import { createHash, type KeyObject } from 'node:crypto'
import { Fault } from '../api/fault.ts'
import type { DocumentTuple } from '../core/nodes/assignment.ts'

/*
 * 'DL' | format 1 | algorithm 1 | flags | key id (8)
 * | n, fleet | n, audience | n, topic                        n: one byte, the length
 * | incarnation (8) | revision (8) | term (8) | session (16)
 * | issued at (8) | not after (8) | plain length (4)         all big-endian, times in ms
 */
export interface EnvelopeHeader {
  readonly flags: number
  readonly keyId: string
  readonly fleet: string
  readonly audience: string
  readonly topic: string
  readonly tuple: DocumentTuple
  readonly session: string
  readonly issuedAt: number
  readonly notAfter: number
  readonly plainLength: number
}

const magic = Buffer.from('DL')
/** Format 1 is the only one so far; a later agent must read it too. */
const format = 1
/** 1: Ed25519 over all, raw deflate, X25519 + HKDF-SHA256 + ChaCha20-Poly1305. */
const algorithm = 1
const fixedBytes = 2 + 1 + 1 + 1 + 8
const numbersBytes = 8 * 3 + 16 + 8 * 2 + 4

/** How a public key is named in an envelope: 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo. */
export const keyId = (publicKey: KeyObject): string => {
  const known = ids.get(publicKey)
  if (known !== undefined) return known
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const id = createHash('sha256').update(der).digest('hex').slice(0, 16)
  ids.set(publicKey, id)
  return id
}

/** Asked for with every message. Goes with the key. */
const ids = new WeakMap<KeyObject, string>()

export const writeHeader = (header: EnvelopeHeader): Buffer => {
  const fixed = Buffer.concat([magic, Buffer.from([format, algorithm, header.flags]), Buffer.from(header.keyId, 'hex')])
  if (fixed.length !== fixedBytes) throw new Error(`a key id has 16 hex digits, not "${header.keyId}"`)
  const numbers = Buffer.alloc(numbersBytes)
  const { incarnation, revision, term } = header.tuple
  for (const [index, number] of [incarnation, revision, term].entries())
    numbers.writeBigUInt64BE(BigInt(number), index * 8)
  Buffer.from(header.session, 'hex').copy(numbers, 24)
  numbers.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(header.issuedAt))), 40)
  numbers.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(header.notAfter))), 48)
  numbers.writeUInt32BE(header.plainLength, 56)
  return Buffer.concat([fixed, ...[header.fleet, header.audience, header.topic].map(shortText), numbers])
}

const shortText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  if (bytes.length > 255) throw new Error(`"${text.slice(0, 40)}…" is too long for an envelope's header`)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

/** @throws Fault Malformed, saying what was found and what was expected */
export const readHeader = (bytes: Buffer): { readonly header: EnvelopeHeader; readonly length: number } => {
  if (bytes.length < fixedBytes + 3 + numbersBytes || !bytes.subarray(0, 2).equals(magic))
    throw new Fault('Malformed', `${bytes.length} bytes that are not an envelope: it begins with "DL" and a header`)
  if (bytes[2] !== format || bytes[3] !== algorithm)
    throw new Fault(
      'Malformed',
      `an envelope of format ${bytes[2]}, algorithm ${bytes[3]}; this version reads format ${format}, algorithm ${algorithm}`,
    )
  let at = fixedBytes
  const text = (): string => {
    const length = bytes[at] ?? 0
    at += 1 + length
    return bytes.toString('utf8', at - length, at)
  }
  const fleet = text()
  const audience = text()
  const topic = text()
  if (bytes.length < at + numbersBytes) throw new Fault('Malformed', `an envelope is cut short: ${bytes.length} bytes`)
  const header = {
    flags: bytes[4] ?? 0,
    keyId: bytes.toString('hex', 5, 13),
    fleet,
    audience,
    topic,
    tuple: { incarnation: number(bytes, at), revision: number(bytes, at + 8), term: number(bytes, at + 16) },
    session: session(bytes.subarray(at + 24, at + 40)),
    issuedAt: number(bytes, at + 40),
    notAfter: number(bytes, at + 48),
    plainLength: bytes.readUInt32BE(at + 56),
  }
  return { header, length: at + numbersBytes }
}

const number = (bytes: Buffer, at: number): number => {
  const value = bytes.readBigUInt64BE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new Fault('Malformed', `an envelope holds the number ${value}; at most ${Number.MAX_SAFE_INTEGER} is read`)
  return Number(value)
}

const session = (bytes: Buffer): string => (bytes.every(byte => byte === 0) ? '' : bytes.toString('hex'))
