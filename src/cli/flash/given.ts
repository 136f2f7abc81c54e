import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describeError, Fault } from '../../api/fault.ts'
import { formatJoinToken } from '../../wire/join-token.ts'
import type { Invocation } from '../command.ts'
import { passphraseOf } from '../commands/backup.ts'
import { textAt } from '../shown.ts'
import { timeMs } from '../wait.ts'
import type { Carried } from './customise/changes-for.ts'
import { readWishes, type Wishes } from './customise/wishes.ts'
import { openFile } from './image-file.ts'

/** Stands for the token that the hub makes once all else is known to be right. */
const tokenToCome = formatJoinToken({
  id: 'aaaaaaaa',
  secret: 'a'.repeat(26),
  pin: 'A'.repeat(43),
  addresses: ['localhost:1'],
})

/**
 * What the command line wishes of a card, checked. Where no token is given, one of no hub stands in its place.
 *
 * @param name of the node
 * @throws Fault BadRequest, Malformed
 */
export const wishesOf = (of: Invocation, name: string | undefined): Wishes =>
  readWishes({
    name,
    hostname: of.text('hostname') ?? name,
    token: of.text('token') ?? tokenToCome,
    hubs: of.texts('hub'),
    labels: of.texts('label'),
    wifi: of.text('wifi'),
    passphrase: passphraseOf(of.text('wifi-passphrase-env'), of.env),
    country: of.text('country'),
    user: of.text('user'),
    sshKeys: of.texts('ssh-key').flatMap(readKeys),
    timezone: of.text('timezone'),
    address: of.text('address'),
    gateway: of.text('gateway'),
    dns: of.texts('dns'),
  })

/** The same with a token of the hub's, for this name alone, where none was given. @throws Fault as the hub says */
export const withToken = async (of: Invocation, wishes: Wishes): Promise<Wishes> =>
  wishes.token === tokenToCome ? { ...wishes, token: await makeToken(of, wishes) } : wishes

const makeToken = async (of: Invocation, wishes: Wishes): Promise<string> => {
  const kube = await of.kube()
  const body = {
    ttlSeconds: Math.round(timeMs(of.text('ttl') ?? '168h', 'ttl') / 1000),
    labels: wishes.labels,
    ...(wishes.name === undefined ? {} : { node: wishes.name }),
  }
  const made = await kube.request('POST', '/dunlin/v1/join-tokens', { body, signal: of.signal })
  return textAt(made, 'token') ?? ''
}

const readKeys = (path: string): readonly string[] => {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => line.trim() !== '' && !line.startsWith('#'))
  } catch (error) {
    throw new Fault('BadRequest', `--ssh-key: ${path} cannot be read: ${describeError(error)}`, { path }, error)
  }
}

type CarriedFile = Carried & { readonly close: () => void }

/** Packages to carry: files as they are named; of a folder, those for the architecture, and not the hub's. */
export const packagesOf = (of: Invocation): readonly CarriedFile[] => {
  const arch = of.text('arch') ?? 'arm64'
  if (!['arm64', 'armhf', 'amd64'].includes(arch))
    throw new Fault('BadRequest', `--arch=${arch} is not known; there are arm64, armhf and amd64`)
  const isOurs = (name: string): boolean =>
    (name.endsWith(`_${arch}.deb`) || name.endsWith('_all.deb')) && !name.startsWith('dunlin-hub_')
  return carriedOf('package', '.deb', filesIn('package', of.texts('package'), isOurs))
}

/** Archives of container images to carry. */
export const imagesOf = (of: Invocation): readonly CarriedFile[] =>
  carriedOf(
    'image',
    '.tar',
    filesIn('image', of.texts('image'), name => name.endsWith('.tar')),
  )

const filesIn = (option: string, paths: readonly string[], isOurs: (name: string) => boolean): readonly string[] =>
  paths.flatMap(path =>
    isFolder(option, path)
      ? readdirSync(path)
          .filter(isOurs)
          .toSorted()
          .map(name => join(path, name))
      : [path],
  )

/** @throws Fault BadRequest for what is no such file, or is named twice */
const carriedOf = (option: string, ending: string, files: readonly string[]): readonly CarriedFile[] => {
  const names = new Set<string>()
  return files.map(path => {
    const name = basename(path)
    if (!name.endsWith(ending)) throw new Fault('BadRequest', `--${option}: ${path} does not end in ${ending}`)
    if (names.has(name)) throw new Fault('BadRequest', `--${option}: ${name} is given twice`)
    names.add(name)
    const content = openFile(path)
    if (ending === '.deb' && Buffer.from(content.read(0, Math.min(8, content.length))).toString() !== '!<arch>\n')
      throw new Fault('BadRequest', `--${option}: ${path} is no Debian package`)
    return { name, content, close: content.close }
  })
}

const isFolder = (option: string, path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    throw new Fault('BadRequest', `--${option}: ${path} cannot be read: ${describeError(error)}`, { path }, error)
  }
}
