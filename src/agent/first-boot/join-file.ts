import { Fault } from '../../api/fault.ts'
import { dnsLabel, labelValue, qualifiedName } from '../../api/names.ts'
import { formatJoinToken, parseAddress, parseJoinToken } from '../../wire/join-token.ts'

/** What `dunlin/join.json` on the boot partition says: docs/flash.md has its table. */
export interface JoinFile {
  /** As one word; its addresses are those of `hub` where the file names any. */
  readonly token: string
  readonly hub: readonly string[]
  readonly name?: string
  readonly labels: { readonly [key: string]: string }
  /** Paths on the boot partition, relative to its root. */
  readonly secretFiles: readonly string[]
}

export const mostJoinFileBytes = 64 * 1024
const mostSecretFiles = 16
const known = ['token', 'hub', 'name', 'labels', 'secretFiles']

/**
 * Reads the file as a person may have written it.
 *
 * @throws Fault Malformed that names the field, what was found and what is expected; never the token
 * @example parseJoinFile('{"token":"dunlin1.…","name":"barn"}').name // 'barn'
 */
export const parseJoinFile = (text: string): JoinFile => {
  const json = parseObject(text)
  const odd = Object.keys(json).find(key => !known.includes(key))
  if (odd !== undefined) throw wrong(`it has a field "${odd.slice(0, 60)}"; known are ${known.join(', ')}`)
  const hub = textsOf(json, 'hub')
  const noAddress = hub.find(one => parseAddress(one) === undefined)
  if (noAddress !== undefined || hub.length > 8)
    throw wrong(`hub: found "${noAddress?.slice(0, 80) ?? `${hub.length} of them`}"; expected one to eight host:port`)
  const { name } = json
  if (name !== undefined) {
    const why = typeof name === 'string' ? dnsLabel(name) : 'it must be a text'
    if (why !== undefined)
      throw wrong(`name: found ${JSON.stringify(name)?.slice(0, 80)}, which is no name for a node: ${why}`)
  }
  return {
    token: tokenOf(json['token'], hub),
    hub,
    ...(typeof name === 'string' ? { name } : {}),
    labels: labelsOf(json['labels']),
    secretFiles: secretFilesOf(textsOf(json, 'secretFiles')),
  }
}

const parseObject = (text: string): { readonly [key: string]: unknown } => {
  let json: unknown
  try {
    // Some editors put a mark before the first character.
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new Fault(
      'Malformed',
      'join.json cannot be read: it is not JSON; a comma, a quote or its end may be missing',
      {},
      error,
    )
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrong('it is no object: expected { "token": … }')
  return { ...json }
}

const textsOf = (json: { readonly [key: string]: unknown }, field: string): readonly string[] => {
  const value = json[field] ?? []
  if (!Array.isArray(value)) throw wrong(`${field}: expected a list of texts`)
  return value.map((one: unknown) => {
    if (typeof one !== 'string') throw wrong(`${field}: expected a list of texts`)
    return one
  })
}

const tokenOf = (token: unknown, hub: readonly string[]): string => {
  if (typeof token !== 'string') throw wrong('token: it is missing; put there what `dunlin join-token create` prints')
  const parsed = parseJoinToken(token)
  return formatJoinToken(hub.length === 0 ? parsed : { ...parsed, addresses: hub })
}

const labelsOf = (labels: unknown): { readonly [key: string]: string } => {
  if (labels === undefined) return {}
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    throw wrong('labels: expected an object of texts')
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]: [string, unknown]) => {
      const why = typeof value === 'string' ? (qualifiedName(key) ?? labelValue(value)) : 'it must be a text'
      if (why !== undefined) throw wrong(`labels: "${key.slice(0, 80)}": ${why}`)
      return [key, String(value)]
    }),
  )
}

const secretFilesOf = (paths: readonly string[]): readonly string[] => {
  const odd = paths.find(
    path => !/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(path) || path.split('/').includes('..'),
  )
  if (odd !== undefined || paths.length > mostSecretFiles)
    throw wrong(
      `secretFiles: found "${odd?.slice(0, 80) ?? `${paths.length} of them`}"; expected at most ${mostSecretFiles} paths on the boot partition`,
    )
  return paths
}

const wrong = (what: string): Fault => new Fault('Malformed', `join.json cannot be used: ${what}`)
