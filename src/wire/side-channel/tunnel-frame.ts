import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { Fault } from '../../api/fault.ts'

/*
 *   format (1) | tunnel (8) | number (8) | sealed: kind (1), bytes | tag (16)         big-endian, one MQTT message
 *
 *   AES-256-GCM with a key for each way, both made of the token of the command that the tunnel began with: the broker
 *   never saw it. The nonce is the number, and the header is sealed with the rest: a frame of another tunnel, of the
 *   other way or with another number opens with no key.
 */
const format = 1
const headerBytes = 17
const tagBytes = 16
/** Beside an `open`, which may be twice as long as a piece of data. */
export const mostTunnelFrameBytes = 48 * 1024

export const tunnelKinds = { hello: 0, message: 1, close: 2 } as const
export type TunnelKind = keyof typeof tunnelKinds

export type TunnelWay = 'to the hub' | 'to the node'

export interface TunnelKeys {
  /** Names the tunnel to both ends, and tells nobody the token. */
  readonly id: string
  readonly key: { readonly [Way in TunnelWay]: Buffer }
}

/** @example const keys = tunnelKeys(command.token) */
export const tunnelKeys = (token: string): TunnelKeys => {
  const derive = (what: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', token, '', `dunlin tunnel 1 ${what}`, bytes))
  return {
    id: derive('id', 8).toString('hex'),
    key: { 'to the hub': derive('to the hub', 32), 'to the node': derive('to the node', 32) },
  }
}

export interface TunnelFrame {
  readonly kind: TunnelKind
  /** Counts the frames of its way from 0. */
  readonly number: number
  readonly bytes: Uint8Array
}

export const writeTunnelFrame = (keys: TunnelKeys, way: TunnelWay, frame: TunnelFrame): Buffer => {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(format, 0)
  header.write(keys.id, 1, 'hex')
  header.writeBigUInt64BE(BigInt(frame.number), 9)
  const cipher = createCipheriv('aes-256-gcm', keys.key[way], nonceOf(header))
  cipher.setAAD(header)
  const sealed = [cipher.update(Buffer.from([tunnelKinds[frame.kind]])), cipher.update(frame.bytes), cipher.final()]
  return Buffer.concat([header, ...sealed, cipher.getAuthTag()])
}

/** The tunnel that a frame says it is of; undefined for what is none. Nothing of it is proven yet. */
export const tunnelIdOf = (bytes: Uint8Array): string | undefined => {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isFrame =
    whole.length > headerBytes + tagBytes && whole.length <= mostTunnelFrameBytes && whole.readUInt8(0) === format
  return isFrame ? whole.toString('hex', 1, 9) : undefined
}

/** @throws Fault Distrusted for what no other end of this tunnel sent this way */
export const readTunnelFrame = (keys: TunnelKeys, way: TunnelWay, bytes: Uint8Array): TunnelFrame => {
  if (tunnelIdOf(bytes) !== keys.id) throw new Fault('Distrusted', 'a frame of another tunnel')
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = whole.subarray(0, headerBytes)
  const opener = createDecipheriv('aes-256-gcm', keys.key[way], nonceOf(header))
  opener.setAAD(header)
  opener.setAuthTag(whole.subarray(-tagBytes))
  let plain: Buffer
  try {
    plain = Buffer.concat([opener.update(whole.subarray(headerBytes, -tagBytes)), opener.final()])
  } catch (error) {
    throw new Fault('Distrusted', 'a frame that is not from the other end of the tunnel', {}, error)
  }
  const kind = kindOf(plain[0])
  if (kind === undefined) throw new Fault('Malformed', `a tunnel frame of kind ${plain[0]}, which is none`)
  return { kind, number: Number(header.readBigUInt64BE(9)), bytes: plain.subarray(1) }
}

const nonceOf = (header: Buffer): Buffer => Buffer.concat([Buffer.alloc(4), header.subarray(9, headerBytes)])

const kindOf = (number: number | undefined): TunnelKind | undefined =>
  number === tunnelKinds.hello
    ? 'hello'
    : number === tunnelKinds.message
      ? 'message'
      : number === tunnelKinds.close
        ? 'close'
        : undefined
