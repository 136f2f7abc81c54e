import { Fault } from '../../api/fault.ts'
import { parseYaml, yamlLines } from '../../api/yaml.ts'
import {
  type AllowedCommand,
  type DevicePolicy,
  type ForwardTarget,
  type Listed,
  type Off,
  type PathRule,
  usualDetachedSeconds,
} from '../../core/access/device-policy.ts'
import { parseCidr, parseIp } from '../../core/services/cidr.ts'

/** More than anybody writes by hand. */
const mostItems = 256
export const mostPolicyBytes = 64 * 1024

type Path = readonly (string | number)[]

/**
 * The policy of a device from the text of its file. Strict: what is not known is an error, as a word that was mistyped
 * must not open a door. Sections that are absent keep what `usual` says.
 *
 * @throws Fault Malformed that names the file, the line, what was found and what was expected
 * @example parsePolicy('shell: off\n', '/etc/dunlin/policy.yaml', usualPolicy({ allowShell: true })).shell.isOn // false
 */
export const parsePolicy = (text: string, file: string, usual: DevicePolicy): DevicePolicy => {
  const documents = parseYaml(text)
  const lines = yamlLines(text)
  const at = (path: Path): string => `line ${lines(path)} of ${file}`
  const wrong = (path: Path, found: unknown, expected: string): Fault =>
    new Fault('Malformed', `${at(path)}: found ${brief(found)}; expected ${expected}`, { file, line: lines(path) })
  const [document] = documents
  if (document === undefined) return usual
  if (documents.length > 1) throw new Fault('Malformed', `${file} holds more than one document`)
  const [duplicate] = document.duplicates
  if (duplicate !== undefined) throw new Fault('Malformed', `${file}: ${duplicate} stands twice`)

  const membersOf = (value: unknown, path: Path, known: readonly string[]): ReadonlyMap<string, unknown> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrong(path, value, `a mapping with ${known.join(', ')}`)
    for (const [name, member] of Object.entries(value))
      if (!known.includes(name)) throw wrong([...path, name], { [name]: member }, known.join(', '))
    return new Map(Object.entries(value))
  }
  const listOf = <T>(
    value: unknown,
    path: Path,
    expected: string,
    read: (item: unknown) => T | undefined,
  ): Listed<T> => {
    if (!Array.isArray(value)) throw wrong(path, value, `a list of ${expected}`)
    if (value.length > mostItems) throw wrong(path, `${value.length} items`, `at most ${mostItems}`)
    const items = value.map((item: unknown, index) => {
      const found = read(item)
      if (found === undefined) throw wrong([...path, index], item, expected)
      return found
    })
    return { at: at(path), items }
  }
  const members = membersOf(document.value, [], ['shell', 'journal', 'copy', 'forward'])
  const off = (path: Path): Off => ({ isOn: false, at: `${at(path)}: ${path.join('.')}: off` })

  const shellOf = (value: unknown): DevicePolicy['shell'] => {
    const path = ['shell']
    if (value === false) return off(path)
    if (value === true) return { isOn: true, at: at(path), detachedSeconds: usualDetachedSeconds }
    const found = membersOf(value, path, ['users', 'commands', 'detachedMinutes'])
    const minutes = found.get('detachedMinutes') ?? usualDetachedSeconds / 60
    if (typeof minutes !== 'number' || !Number.isInteger(minutes) || minutes < 0 || minutes > 1440)
      throw wrong([...path, 'detachedMinutes'], minutes, 'whole minutes, 0 to 1440')
    const users = found.get('users')
    const commands = found.get('commands')
    return {
      isOn: true,
      at: at(path),
      detachedSeconds: minutes * 60,
      ...(users === undefined ? {} : { users: listOf(users, [...path, 'users'], 'names of accounts', accountOf) }),
      ...(commands === undefined
        ? {}
        : { commands: listOf(commands, [...path, 'commands'], 'a program, or a list of words', commandOf) }),
    }
  }

  const journalOf = (value: unknown): DevicePolicy['journal'] => {
    const path = ['journal']
    if (value === false) return off(path)
    if (value === true) return { isOn: true, at: at(path) }
    const units = membersOf(value, path, ['units']).get('units')
    return { isOn: true, at: at(path), units: listOf(units, [...path, 'units'], 'names of units', unitOf) }
  }

  const copyOf = (value: unknown): DevicePolicy['copy'] => {
    const path = ['copy']
    if (value === false) return { read: off(path), write: off(path) }
    const everywhere: PathRule = { isOn: true, at: at(path), paths: [''] }
    if (value === true) return { read: everywhere, write: everywhere }
    const found = membersOf(value, path, ['read', 'write'])
    const side = (name: 'read' | 'write'): Off | PathRule => {
      const paths = found.get(name)
      if (paths === undefined) return { isOn: false, at: `${at(path)}: no "${name}" stands there` }
      if (paths === false) return off([...path, name])
      const listed = listOf(paths, [...path, name], 'absolute paths', folderOf)
      return { isOn: true, at: listed.at, paths: listed.items }
    }
    return { read: side('read'), write: side('write') }
  }

  const forwardOf = (value: unknown): DevicePolicy['forward'] => {
    const path = ['forward']
    if (value === false) return off(path)
    const listed = listOf(
      value,
      path,
      'HOST:PORT, where HOST is a name, an address or a range such as 192.168.1.0/24, and PORT one, 1-1024 or *',
      forwardTarget,
    )
    return { isOn: true, at: listed.at, targets: listed.items }
  }

  return {
    shell: members.has('shell') ? shellOf(members.get('shell')) : usual.shell,
    journal: members.has('journal') ? journalOf(members.get('journal')) : usual.journal,
    copy: members.has('copy') ? copyOf(members.get('copy')) : usual.copy,
    forward: members.has('forward') ? forwardOf(members.get('forward')) : usual.forward,
  }
}

const brief = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

const word =
  (pattern: RegExp) =>
  (value: unknown): string | undefined =>
    typeof value === 'string' && pattern.test(value) ? value : undefined

const accountOf = word(/^[a-z_][a-z0-9_.-]{0,31}\$?$/i)
const unitOf = word(/^[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,254}$/)
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be in a word
const plainWord = word(/^[^\x00-\x1f]{1,1024}$/)

const commandOf = (value: unknown): AllowedCommand | undefined => {
  const program = plainWord(value)
  if (program !== undefined) return { allows: 'program', program }
  if (!Array.isArray(value) || value.length === 0 || value.length > 64) return undefined
  const words = value.map(plainWord)
  return words.every(one => one !== undefined) ? { allows: 'words', words } : undefined
}

/** Without a slash at the end, so that `/` is the empty text. */
const folderOf = (value: unknown): string | undefined => {
  const path = plainWord(value)
  if (path === undefined || !path.startsWith('/')) return undefined
  const parts = path.split('/').filter(part => part !== '')
  return parts.some(part => part === '.' || part === '..') ? undefined : parts.map(part => `/${part}`).join('')
}

const forwardTarget = (value: unknown): ForwardTarget | undefined => {
  const [, host = '', ports = ''] = /^(\[[0-9a-f:]+\]|[^:[\]]+):(\*|\d{1,5}(?:-\d{1,5})?)$/i.exec(String(value)) ?? []
  if (typeof value !== 'string' || host === '') return undefined
  const [first = 1, last = ports === '*' ? 65_535 : first] = ports === '*' ? [] : ports.split('-').map(Number)
  if (first < 1 || last > 65_535 || first > last) return undefined
  const portsOf = { firstPort: first, lastPort: last }
  const range = parseCidr(parseIp(host) === undefined ? host : `${host}/32`)
  if (range !== undefined) return { to: { range }, ...portsOf }
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return host.startsWith('[') || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)
    ? /^[\d./]+$/.test(name)
      ? undefined
      : { to: { name }, ...portsOf }
    : undefined
}
