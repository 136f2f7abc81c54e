import { readIfThere } from '../lib/durable-file.ts'

/**
 * Ports that programs of this host listen on, as `tcp 22`: a Service there would take them away without a word.
 * Left out are listeners on the loopback network and on the addresses in `without`: a Service does not touch those.
 */
export const hostListeners = async (without: readonly string[]): Promise<ReadonlySet<string>> => {
  const found = new Set<string>()
  for (const [file, protocol, state] of [
    ['tcp', 'tcp', '0A'],
    ['tcp6', 'tcp', '0A'],
    ['udp', 'udp', '07'],
    ['udp6', 'udp', '07'],
  ] as const) {
    const text = (await readIfThere(`/proc/net/${file}`))?.toString('latin1') ?? ''
    for (const port of listenersIn(text, state, without)) found.add(`${protocol} ${port}`)
  }
  return found
}

/** Ports in a table of /proc/net with sockets in that state, not bound to a loopback address or one in `without`. */
export const listenersIn = (text: string, state: string, without: readonly string[]): readonly number[] =>
  [...text.matchAll(/^\s*\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm)]
    .filter(([, , , is]) => is === state)
    .filter(([, address = '']) => {
      const ip = addressOf(address)
      return ip === undefined || !(ip.startsWith('127.') || without.includes(ip))
    })
    .map(([, , port = '']) => Number.parseInt(port, 16))

/** The IPv4 address of a socket; undefined for an IPv6 one, but for `::1` and mapped ones. */
const addressOf = (hex: string): string | undefined => {
  if (hex === '00000000000000000000000001000000') return '127.0.0.1'
  if (hex.length === 32 && !hex.startsWith('0000000000000000FFFF0000')) return undefined
  const last = hex.slice(-8)
  // In the byte order of this machine: little-endian wherever Dunlin runs.
  return [6, 4, 2, 0].map(at => Number.parseInt(last.slice(at, at + 2), 16)).join('.')
}
