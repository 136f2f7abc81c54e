import { createHash } from 'node:crypto'
import { Fault } from '../api/fault.ts'

/**
 * What a join token says, as one word to copy: where the hub is, by which CA it is known, and the secret.
 * `dunlin1.<id>.<secret>.<pin>.<addresses>.<check>`: the last part shows a word that was mistyped or cut before
 * anything of it is sent.
 */
export interface JoinToken {
  /** Eight characters base32; names the token in lists. */
  readonly id: string
  /** 26 characters base32: 130 random bits. */
  readonly secret: string
  /** SHA-256 of the SubjectPublicKeyInfo of the hub's CA, base64url. */
  readonly pin: string
  /** Addresses of the hub's HTTPS door, `host:port`, in the order to try. One to eight. */
  readonly addresses: readonly string[]
}

const mostLength = 2048
const mostAddresses = 8

/** @example formatJoinToken({ id, secret, pin, addresses: ['192.168.1.2:6443'] }) // 'dunlin1.k3v…' */
export const formatJoinToken = (token: JoinToken): string => {
  const addresses = Buffer.from(token.addresses.join(',')).toString('base64url')
  const word = ['dunlin1', token.id, token.secret, token.pin, addresses].join('.')
  return `${word}.${checkOf(word)}`
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** Six characters of base32, 30 bits of a SHA-256: one in a thousand million wrong words would pass. It guards nothing secret. */
const checkOf = (word: string): string =>
  [...createHash('sha256').update(word).digest().subarray(0, 6)].map(byte => alphabet[byte % 32]).join('')

/**
 * Reads what `formatJoinToken` wrote; blanks and line breaks around it do not matter.
 *
 * @throws Fault Malformed that says which part is wrong; the secret is never repeated
 */
export const parseJoinToken = (text: string): JoinToken => {
  const word = text.trim()
  if (word.length > mostLength) throw wrong(`it has ${word.length} characters; at most ${mostLength} are read`)
  const [version = '', id = '', secret = '', pin = '', addresses = '', check = '', ...more] = word.split('.')
  if (!version.startsWith('dunlin')) throw wrong('it must begin with "dunlin1."; copy the whole word')
  if (version !== 'dunlin1') throw wrong(`it is of form "${version.slice(0, 16)}"; this agent knows dunlin1`)
  const parts = word.split('.').length
  if (check === '' || more.length > 0)
    throw wrong(`it has ${parts} parts; expected 6: it was cut when it was copied${parts === 5 ? older : ''}`)
  if (!/^[a-z2-7]{8}$/.test(id)) throw wrong(`its id "${id.slice(0, 16)}" is not eight characters of base32`)
  if (!/^[a-z2-7]{26}$/.test(secret)) throw wrong(`its secret has ${secret.length} characters; expected 26 of base32`)
  if (!/^[A-Za-z0-9_-]{43}$/.test(pin)) throw wrong(`its pin has ${pin.length} characters; expected 43 of base64url`)
  if (check !== checkOf(word.slice(0, word.lastIndexOf('.'))))
    throw wrong(
      `its last part "${check.slice(0, 16)}" does not fit the rest: a character was changed or lost when it was copied; copy the whole word once more`,
    )
  return { id, secret, pin, addresses: parseAddresses(addresses) }
}

/** Words without a check were made while there was no release. */
const older = ', or it was made by a hub from before 0.1.0; make a new one: dunlin join-token create'

const parseAddresses = (part: string): readonly string[] => {
  const addresses = Buffer.from(part, 'base64url').toString('utf8').split(',')
  if (addresses.length > mostAddresses) throw wrong(`it names ${addresses.length} addresses; at most ${mostAddresses}`)
  const odd = addresses.find(address => parseAddress(address) === undefined)
  if (odd !== undefined)
    throw wrong(`its address "${odd.slice(0, 80)}" is not host:port: it was changed when it was copied`)
  return addresses
}

/** `host:port` or `[v6]:port`; undefined when it is neither. */
export const parseAddress = (text: string): { readonly host: string; readonly port: number } | undefined => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  return host === undefined || !(port >= 1 && port <= 65535) ? undefined : { host, port }
}

const wrong = (what: string): Fault => new Fault('Malformed', `the join token cannot be read: ${what}`)
