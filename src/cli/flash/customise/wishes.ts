import { isIPv4 } from 'node:net'
import { Fault } from '../../../api/fault.ts'
import { dnsLabel, labelValue, qualifiedName } from '../../../api/names.ts'
import { parseAddress, parseJoinToken } from '../../../wire/join-token.ts'
import { countryWrong } from './countries.ts'

/** What a card is to become, every value checked. */
export interface Wishes {
  /** Of the node, and of the host where no other is given. */
  readonly name?: string
  readonly hostname?: string
  readonly token: string
  readonly hubs: readonly string[]
  readonly labels: { readonly [key: string]: string }
  readonly wifi?: { readonly network: string; readonly passphrase?: string }
  readonly country?: string
  readonly user?: string
  readonly sshKeys: readonly string[]
  readonly timezone?: string
  readonly address?: StaticAddress
}

export interface StaticAddress {
  /** With its prefix: 192.168.1.20/24 */
  readonly address: string
  readonly gateway: string
  readonly dns: readonly string[]
}

/** As the words of the command line say; files are already read. */
export interface GivenWishes {
  readonly name?: string | undefined
  readonly hostname?: string | undefined
  readonly token: string
  readonly hubs: readonly string[]
  readonly labels: readonly string[]
  readonly wifi?: string | undefined
  readonly passphrase?: string | undefined
  readonly country?: string | undefined
  readonly user?: string | undefined
  readonly sshKeys: readonly string[]
  readonly timezone?: string | undefined
  readonly address?: string | undefined
  readonly gateway?: string | undefined
  readonly dns: readonly string[]
}

/**
 * Checks every wish, before anything is read or written.
 *
 * @throws Fault BadRequest that names everything that is wrong; Malformed for a token
 * @example readWishes({ token, name: 'barn', hubs: [], labels: [], sshKeys: [], dns: [] })
 */
export const readWishes = (given: GivenWishes): Wishes => {
  const wrong: string[] = []
  const check = (option: string, why: string | undefined): void => {
    if (why !== undefined) wrong.push(`--${option}: ${why}`)
  }
  parseJoinToken(given.token)
  const { name, hostname = name, wifi, passphrase, country, user, timezone } = given
  if (name !== undefined) check('name', nodeNameWrong(name))
  if (hostname !== undefined) check('hostname', dnsLabel(hostname))
  const hubs = given.hubs.map(hub => hub.replace(/^https:\/\//, '').replace(/\/$/, ''))
  for (const hub of hubs)
    check('hub', parseAddress(hub) === undefined ? `"${hub}" is not host:port, as in hub.example.org:6443` : undefined)
  for (const label of given.labels) check('label', labelWrong(label))
  if (wifi !== undefined) check('wifi', networkWrong(wifi))
  if (passphrase !== undefined) check('wifi-passphrase-env', passphraseWrong(passphrase))
  if (passphrase !== undefined && wifi === undefined) wrong.push('--wifi-passphrase-env: it goes with --wifi=NETWORK')
  if (wifi !== undefined && country === undefined)
    wrong.push('--country: a radio stays off until it knows the rules of its country; give its two letters, as in DE')
  if (country !== undefined) check('country', countryWrong(country))
  if (user !== undefined && (!/^[a-z_][a-z0-9_-]{0,31}$/.test(user) || user === 'root'))
    wrong.push(`--user: "${user}" is no name for a user; expected at most 32 of a-z, 0-9, dash and underscore`)
  for (const key of given.sshKeys) check('ssh-key', sshKeyWrong(key))
  if (given.sshKeys.length > 0 && user === undefined) wrong.push('--ssh-key: name its user with --user=NAME')
  if (user !== undefined && given.sshKeys.length === 0)
    wrong.push('--user: without --ssh-key=FILE nobody could log in as this user')
  if (timezone !== undefined) check('timezone', timezoneWrong(timezone))
  const address = readAddress(given, wrong)
  if (wrong.length > 0) throw new Fault('BadRequest', `nothing was written:\n  ${wrong.join('\n  ')}`, { wrong })
  return {
    token: given.token.trim(),
    hubs,
    labels: Object.fromEntries(given.labels.map(splitLabel)),
    sshKeys: given.sshKeys.map(key => key.trim()),
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(wifi === undefined ? {} : { wifi: { network: wifi, ...(passphrase === undefined ? {} : { passphrase }) } }),
    ...(country === undefined ? {} : { country }),
    ...(user === undefined ? {} : { user }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(address === undefined ? {} : { address }),
  }
}

/** Why a node cannot be called so; undefined where it can. */
export const nodeNameWrong = (name: string): string | undefined => {
  const why = dnsLabel(name)
  return why === undefined ? undefined : `"${name.slice(0, 80)}" is no name for a node: ${why}`
}

const labelWrong = (label: string): string | undefined => {
  if (!label.includes('=')) return `"${label}" is not KEY=VALUE`
  const [key, value] = splitLabel(label)
  return qualifiedName(key) ?? labelValue(value)
}

const splitLabel = (label: string): readonly [string, string] => {
  const at = label.indexOf('=')
  return [label.slice(0, at), label.slice(at + 1)]
}

const isControl = (text: string): boolean => [...text].some(char => char < ' ' || char === '\u007f')

const networkWrong = (network: string): string | undefined => {
  const length = Buffer.byteLength(network)
  if (length === 0 || length > 32) return `its name has ${length} bytes; a Wi-Fi network's has 1 to 32`
  return isControl(network) ? 'its name holds a control character' : undefined
}

const passphraseWrong = (passphrase: string): string | undefined => {
  if (/^[0-9a-fA-F]{64}$/.test(passphrase)) return undefined
  if (passphrase.length < 8 || passphrase.length > 63)
    return `the passphrase has ${passphrase.length} characters; WPA takes 8 to 63, or a key of 64 hex digits`
  return /^[ -~]+$/.test(passphrase) ? undefined : 'the passphrase holds a character that WPA does not allow'
}

const sshKeyWrong = (key: string): string | undefined => {
  if (key.includes('PRIVATE KEY'))
    return 'this is a private key, which stays where it is; give the file that ends in .pub'
  const isKey =
    /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+=*(?: [ -~]*)?$/
  return isKey.test(key.trim())
    ? undefined
    : `"${key.trim().slice(0, 40)}" is no public key of ssh; expected one line such as "ssh-ed25519 AAAA… you@laptop"`
}

const timezoneWrong = (zone: string): string | undefined => {
  try {
    if (!/^[A-Za-z]+(?:\/[A-Za-z0-9_+-]+)*$/.test(zone)) throw new RangeError('form')
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return undefined
  } catch {
    return `"${zone.slice(0, 60)}" is no time zone; expected one such as Europe/Berlin or UTC`
  }
}

const readAddress = (given: GivenWishes, wrong: string[]): StaticAddress | undefined => {
  const { address, gateway, dns } = given
  if (address === undefined) {
    if (gateway !== undefined || dns.length > 0) wrong.push('--gateway, --dns: they go with --address=ADDRESS/PREFIX')
    return undefined
  }
  const [host = '', prefix = ''] = address.split('/')
  const isFine = isIPv4(host) && /^\d{1,2}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= 32
  if (!isFine) wrong.push(`--address: "${address}" is not ADDRESS/PREFIX, as in 192.168.1.20/24`)
  for (const one of dns) if (!isIPv4(one)) wrong.push(`--dns: "${one}" is no IPv4 address`)
  if (gateway === undefined || !isIPv4(gateway))
    wrong.push(`--gateway: ${gateway === undefined ? 'a static address needs one' : `"${gateway}" is no IPv4 address`}`)
  else if (isFine && !isSameNetwork(host, gateway, Number(prefix)))
    wrong.push(`--gateway: ${gateway} is not in the network of ${address}`)
  return { address, gateway: gateway ?? '', dns }
}

const isSameNetwork = (a: string, b: string, prefix: number): boolean => {
  const bits = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const size = 2 ** (32 - prefix)
  return Math.floor(bits(a) / size) === Math.floor(bits(b) / size)
}
