import { Fault } from '../api/fault.ts'

/** One port to listen on here, and where its connections go. */
export interface ForwardWord {
  /** 0: any free one. */
  readonly local: number
  /** A number, or the name of a port. */
  readonly remote: string
  /** Of a device's LAN; absent: the pod's or the device's own. */
  readonly host?: string
}

/**
 * Reads `80`, `8080:80`, `:80`, `8080:http`, and for a device also `8080:192.168.1.20:80` and `8080:[fd00::1]:80`.
 *
 * @throws Fault BadRequest
 * @example forwardWord('8080:192.168.1.20:80', { mayNameHost: true }) // { local: 8080, remote: '80', host: '192.168.1.20' }
 */
export const forwardWord = (word: string, of: { readonly mayNameHost: boolean }): ForwardWord => {
  const [, local, host, remote = ''] = /^(?:(\d*):)?(?:([^:[\]]+|\[[0-9a-fA-F:]+\]):)?([^:[\]]+)$/.exec(word) ?? []
  const expected = of.mayNameHost ? 'PORT, LOCAL:PORT or LOCAL:HOST:PORT' : 'PORT, LOCAL:PORT or LOCAL:NAME'
  const wrong = new Fault('BadRequest', `"${word}" is not ${expected}, with ports from 1 to 65535`)
  if (remote === '' || (host !== undefined && (!of.mayNameHost || local === undefined))) throw wrong
  const isNumber = /^\d+$/.test(remote)
  if (isNumber ? !isPort(remote) : of.mayNameHost || !/^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(remote)) throw wrong
  if (local !== undefined && local !== '' && !isPort(local)) throw wrong
  if (local === undefined && !isNumber) return { local: 0, remote }
  return {
    local: local === '' ? 0 : Number(local ?? remote),
    remote,
    ...(host === undefined ? {} : { host: host.replace(/^\[|\]$/g, '') }),
  }
}

const isPort = (text: string): boolean => Number(text) >= 1 && Number(text) <= 65_535
