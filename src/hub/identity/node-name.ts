import { dnsLabel } from '../../api/names.ts'

/** Why the text is not a node's name (`[a-z0-9-]{1,63}`, as a DNS label), or undefined where it is one. */
export const nodeNameWrong = (name: string): string | undefined => {
  const why = dnsLabel(name)
  return why === undefined ? undefined : `"${name.slice(0, 80)}" is no name for a node: ${why}`
}

/**
 * A name for a device that brought none: its host name, made to fit, and four hex digits of its key.
 *
 * @param keyHash SHA-256 of the device's public key, hex
 * @example nameFromHost('Raspberry Pi.local', 'c0ffee…') // 'raspberry-pi-c0ff'
 */
export const nameFromHost = (hostName: string, keyHash: string): string => {
  const host = (hostName.split('.')[0] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 58)
    .replaceAll(/^-+|-+$/g, '')
  return `${host === '' ? 'node' : host}-${keyHash.slice(0, 4)}`
}
