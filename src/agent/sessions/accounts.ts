import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault } from '../../api/fault.ts'

/** An account of this device. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** What to start, and how, so that it runs as an account. */
export interface StartAs {
  readonly program: string
  readonly args: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly cwd: string
}

/** passwd(5): the accounts of the file, lines that are none left out. */
export const parseAccounts = (text: string): readonly Account[] =>
  text.split('\n').flatMap(line => {
    const [name = '', , uid = '', gid = '', , home = '', shell = '', ...more] = line.split(':')
    if (name === '' || more.length > 0 || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) return []
    return [{ name, uid: Number(uid), gid: Number(gid), home, shell }]
  })

/** Shells that take `-l`: they read the account's profile. */
const loginShells: readonly string[] = ['ash', 'bash', 'dash', 'fish', 'ksh', 'sh', 'zsh']

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * How a command is started as an account: by `setpriv`, which sets the account's groups as well and leaves no process
 * behind; without a command the account's shell, as at a login.
 *
 * @throws Fault NotFound (no such account or program), Forbidden (the agent is no root), Machine (no setpriv)
 * @example await startAs({ user: 'pi', command: [], passwd: '/etc/passwd' })
 */
export const startAs = async (of: {
  readonly user: string
  readonly command: readonly string[]
  /** Of the terminal that it gets. */
  readonly term?: string
  readonly passwd?: string
  /** Of the agent. */
  readonly ownUid: number
  readonly lang: string
}): Promise<StartAs> => {
  const accounts = parseAccounts(await readFile(of.passwd ?? '/etc/passwd', 'utf8'))
  const account = accounts.find(one => one.name === of.user)
  if (account === undefined) throw new Fault('NotFound', `this device has no account "${of.user}"`)
  if (account.uid !== of.ownUid && of.ownUid !== 0) {
    const own = accounts.find(one => one.uid === of.ownUid)?.name ?? String(of.ownUid)
    throw new Fault('Forbidden', `the agent runs as "${own}" and can start nothing as "${of.user}": only root may`)
  }
  const shell = account.shell === '' ? '/bin/sh' : account.shell
  const [word, ...words] = of.command
  const program = word ?? shell
  if (program.includes('/') ? !(await isProgram(program)) : (await find(program)) === undefined)
    throw new Fault('NotFound', `this device has no program ${program}`)
  const args = word === undefined && loginShells.includes(basename(shell)) ? ['-l'] : words
  const hasHome = await stat(account.home).then(
    found => found.isDirectory(),
    () => false,
  )
  const env = {
    PATH: usualPath,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: shell,
    LANG: of.lang,
    ...(of.term === undefined ? {} : { TERM: of.term }),
  }
  const cwd = hasHome ? account.home : '/'
  if (account.uid === of.ownUid) return { program, args, env, cwd }
  const setpriv = await find('setpriv')
  if (setpriv === undefined)
    throw new Fault('Machine', `this device has no setpriv (package util-linux), which starts programs as "${of.user}"`)
  const as = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--']
  return { program: setpriv, args: [...as, program, ...args], env, cwd }
}

const find = async (name: string): Promise<string | undefined> => {
  for (const folder of usualPath.split(':')) if (await isProgram(join(folder, name))) return join(folder, name)
  return undefined
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
