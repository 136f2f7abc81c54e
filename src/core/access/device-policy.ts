import { type Cidr, contains, parseIp } from '../services/cidr.ts'

/**
 * What a device lets people do with the device itself, whatever the hub says. `at` says where a rule stands, for
 * refusals: `line 3 of /var/lib/dunlin/agent/policy.yaml`, or the join token where no file says anything.
 */
export interface DevicePolicy {
  readonly shell: Off | ShellRule
  readonly journal: Off | JournalRule
  readonly copy: { readonly read: Off | PathRule; readonly write: Off | PathRule }
  readonly forward: Off | ForwardRule
}

export interface Off {
  readonly isOn: false
  readonly at: string
}

export interface ShellRule {
  readonly isOn: true
  readonly at: string
  /** Accounts of the device, the first is the usual one. Absent: any, usually root. */
  readonly users?: Listed<string>
  /** Absent: the account's shell, and any command. */
  readonly commands?: Listed<AllowedCommand>
  /** How long a shell lives with nobody at it; 0: it ends with its connection. */
  readonly detachedSeconds: number
}

export interface Listed<T> {
  readonly at: string
  readonly items: readonly T[]
}

/** A program with any arguments, or exactly these words. */
export type AllowedCommand =
  | { readonly allows: 'program'; readonly program: string }
  | { readonly allows: 'words'; readonly words: readonly string[] }

export interface JournalRule {
  readonly isOn: true
  readonly at: string
  /** Absent: the whole journal. */
  readonly units?: Listed<string>
}

export interface PathRule {
  readonly isOn: true
  readonly at: string
  /** Absolute, without a slash at the end; what is below is included. */
  readonly paths: readonly string[]
}

export interface ForwardRule {
  readonly isOn: true
  readonly at: string
  readonly targets: readonly ForwardTarget[]
}

export interface ForwardTarget {
  /** `localhost`, a range, or a name as it is asked for. */
  readonly to: { readonly range: Cidr } | { readonly name: string }
  readonly firstPort: number
  readonly lastPort: number
}

export type Judgement = { readonly isAllowed: true } | { readonly isAllowed: false; readonly why: string }

const allowed: Judgement = { isAllowed: true }
const refused = (why: string): Judgement => ({ isAllowed: false, why })

export const usualDetachedSeconds = 1800

/**
 * What holds where the device's file says nothing: everything of the device itself is closed but its journal, unless
 * it joined with a token that allows a shell.
 */
export const usualPolicy = (joined: { readonly allowShell: boolean }): DevicePolicy => {
  const at = joined.allowShell
    ? 'a join token made with --allow-shell'
    : 'a join token made without --allow-shell, and no line of a policy file'
  const off: Off = { isOn: false, at }
  const everywhere: PathRule = { isOn: true, at, paths: [''] }
  const journal: JournalRule = { isOn: true, at }
  if (!joined.allowShell) return { shell: off, journal, copy: { read: off, write: off }, forward: off }
  return {
    shell: { isOn: true, at, detachedSeconds: usualDetachedSeconds },
    journal,
    copy: { read: everywhere, write: everywhere },
    forward: { isOn: true, at, targets: [{ to: { name: 'localhost' }, firstPort: 1, lastPort: 65_535 }] },
  }
}

/** The account for a shell, and the command where one is prescribed; or why there is none. */
export type ShellJudgement =
  | { readonly isAllowed: true; readonly user: string; readonly command: readonly string[] }
  | { readonly isAllowed: false; readonly why: string }

/**
 * @example judgeShell(policy, { user: 'pi', command: [] }) // { isAllowed: true, user: 'pi', command: [] }
 */
export const judgeShell = (
  policy: DevicePolicy,
  wish: { readonly user?: string; readonly command: readonly string[] },
): ShellJudgement => {
  const { shell } = policy
  if (!shell.isOn) return { isAllowed: false, why: `no shell is allowed on this device (${shell.at})` }
  const user = wish.user ?? shell.users?.items[0] ?? 'root'
  if (shell.users !== undefined && !shell.users.items.includes(user)) {
    const known = shell.users.items.join(', ') || 'none'
    return { isAllowed: false, why: `no shell is allowed as "${user}"; the accounts are: ${known} (${shell.users.at})` }
  }
  const { commands } = shell
  if (commands === undefined) return { isAllowed: true, user, command: wish.command }
  const [first] = commands.items
  if (wish.command.length === 0 && first !== undefined)
    return { isAllowed: true, user, command: first.allows === 'program' ? [first.program] : first.words }
  if (commands.items.some(one => isCommand(one, wish.command))) return { isAllowed: true, user, command: wish.command }
  const asked = wish.command.length === 0 ? 'no shell' : `not "${wish.command.join(' ').slice(0, 100)}"`
  const known = commands.items.map(one => (one.allows === 'program' ? one.program : one.words.join(' '))).join(', ')
  return { isAllowed: false, why: `${asked} is allowed; the commands are: ${known || 'none'} (${commands.at})` }
}

const isCommand = (one: AllowedCommand, asked: readonly string[]): boolean =>
  one.allows === 'program'
    ? one.program === asked[0]
    : one.words.length === asked.length && one.words.every((word, index) => word === asked[index])

/** `unit` absent: the whole journal. */
export const judgeJournal = (policy: DevicePolicy, unit: string | undefined): Judgement => {
  const { journal } = policy
  if (!journal.isOn) return refused(`the journal of this device is not shown (${journal.at})`)
  if (journal.units === undefined || (unit !== undefined && journal.units.items.includes(unit))) return allowed
  const known = `the units are: ${journal.units.items.join(', ') || 'none'} (${journal.units.at})`
  return refused(unit === undefined ? `the whole journal is not shown; ${known}` : `"${unit}" is not shown; ${known}`)
}

/** `path`: absolute, with no link left in it. */
export const judgePath = (policy: DevicePolicy, verb: 'read' | 'write', path: string): Judgement => {
  const rule = policy.copy[verb]
  const what = verb === 'read' ? `copied from` : `copied to`
  if (!rule.isOn) return refused(`nothing is ${what} this device (${rule.at})`)
  if (rule.paths.some(one => path === one || path.startsWith(`${one}/`))) return allowed
  const known = rule.paths.map(one => one || '/').join(', ') || 'none'
  return refused(`${path} is not ${what} this device; the folders are: ${known} (${rule.at})`)
}

/** `addresses`: what `host` means on the device. All must be allowed, or `host` itself by its name. */
export const judgeForward = (
  policy: DevicePolicy,
  wish: { readonly host: string; readonly port: number; readonly addresses: readonly string[] },
): Judgement => {
  const { forward } = policy
  if (!forward.isOn) return refused(`no connections are forwarded by this device (${forward.at})`)
  const reaches = (target: ForwardTarget, address: string): boolean =>
    wish.port >= target.firstPort && wish.port <= target.lastPort && isWithin(target, address)
  const isNamed = forward.targets.some(one => reaches(one, wish.host.toLowerCase()))
  const areAllWithin =
    wish.addresses.length > 0 && wish.addresses.every(address => forward.targets.some(one => reaches(one, address)))
  if (isNamed || areAllWithin) return allowed
  return refused(`${wish.host}:${wish.port} is not among the targets that this device forwards to (${forward.at})`)
}

const loopback: Cidr = { base: 127 * 2 ** 24, bits: 8 }

const isWithin = (target: ForwardTarget, asked: string): boolean => {
  const number = parseIp(asked)
  if ('range' in target.to) return number !== undefined && contains(target.to.range, number)
  if (target.to.name === asked) return true
  return target.to.name === 'localhost' && (asked === '::1' || (number !== undefined && contains(loopback, number)))
}
