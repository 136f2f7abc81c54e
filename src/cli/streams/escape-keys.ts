import { Fault } from '../../api/fault.ts'

/** What was typed, and whether it asked for something here instead of there. */
export interface Typed {
  readonly send: Uint8Array
  readonly wish?: 'detach' | 'end' | 'help'
}

/**
 * Watches what is typed for an escape key, after which `d` leaves, `.` ends, `?` explains and the key itself is sent on.
 * Anything else is sent with the key before it. What comes after a wish to leave is dropped.
 *
 * @example const keys = escapeKeys(escapeByte('^]')); keys(Buffer.from([0x1d, 0x64])) // { send: <empty>, wish: 'detach' }
 */
export const escapeKeys = (key: number | undefined): ((bytes: Uint8Array) => Typed) => {
  let isEscaped = false
  return bytes => {
    if (key === undefined) return { send: bytes }
    const send: number[] = []
    for (const byte of bytes) {
      if (!isEscaped) {
        if (byte === key) isEscaped = true
        else send.push(byte)
        continue
      }
      isEscaped = false
      const wish = wishes.get(byte)
      if (wish !== undefined) return { send: Uint8Array.from(send), wish }
      if (byte !== key) send.push(key)
      send.push(byte)
    }
    return { send: Uint8Array.from(send) }
  }
}

const wishes = new Map<number, NonNullable<Typed['wish']>>([
  ['d'.charCodeAt(0), 'detach'],
  ['.'.charCodeAt(0), 'end'],
  ['?'.charCodeAt(0), 'help'],
])

/**
 * The byte of a key by its name: `^]`, `^P`, `~`; `none` for no escape at all.
 *
 * @throws Fault BadRequest
 */
export const escapeByte = (name: string): number | undefined => {
  if (name === 'none') return undefined
  const [, letter] = /^\^([@-_a-z])$/.exec(name) ?? []
  if (letter !== undefined) return letter.toUpperCase().charCodeAt(0) & 0x1f
  if (/^[\x20-\x7e]$/.test(name)) return name.charCodeAt(0)
  throw new Fault('BadRequest', `--escape=${name} is no key; expected e.g. ^] or ^P, or none`)
}
