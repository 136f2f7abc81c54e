import type { Pod, Secret } from '../../api/types.ts'
import { type Sources, textOfBase64 } from './env.ts'
import type { RegistryCredentials } from './runtime.ts'

/**
 * The credentials of a pod's imagePullSecrets that are for the registry of `image`, in order. Secrets of other types and
 * entries that cannot be read are passed over: the pull then says that it was not allowed.
 *
 * @example pullCredentials('registry.example:5000/web:1', pod, sources) // [{ username: 'u', password: 'p' }]
 */
export const pullCredentials = (image: string, pod: Pod, sources: Sources): readonly RegistryCredentials[] => {
  const registry = registryOf(image)
  return (pod.spec?.imagePullSecrets ?? []).flatMap(({ name = '' }) => {
    const secret = sources.secret(pod.metadata.namespace ?? '', name)
    if (secret === undefined) return []
    return [...entriesOf(secret)]
      .filter(([host]) => isFor(host, registry, image))
      .flatMap(([, entry]) => credentialsOf(entry))
  })
}

/** The registry's host and port; `docker.io` where the reference names none. */
export const registryOf = (image: string): string => {
  const [first = '', ...rest] = image.split('/')
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io'
}

const entriesOf = (secret: Secret): ReadonlyMap<string, unknown> => {
  const config = jsonOf(secret.data?.['.dockerconfigjson'])
  const all = isObject(config) ? config['auths'] : jsonOf(secret.data?.['.dockercfg'])
  return new Map(isObject(all) ? Object.entries(all) : [])
}

const jsonOf = (base64: string | undefined): unknown => {
  if (base64 === undefined) return undefined
  try {
    return JSON.parse(textOfBase64(base64))
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** `https://registry.example:5000/v1/`, `registry.example:5000`, `registry.example/team` and Docker Hub's old names. */
const isFor = (entry: string, registry: string, image: string): boolean => {
  const path = entry.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '')
  const [host = '', ...below] = path.split('/')
  const isHub = ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host) && registry === 'docker.io'
  return (host === registry || isHub) && (below.length === 0 || image.startsWith(`${path}/`))
}

const credentialsOf = (entry: unknown): readonly RegistryCredentials[] => {
  if (!isObject(entry)) return []
  const { username, password, auth } = entry
  if (typeof username === 'string' && typeof password === 'string') return [{ username, password }]
  if (typeof auth !== 'string') return []
  const text = decoded(auth)
  const colon = text.indexOf(':')
  return colon < 1 ? [] : [{ username: text.slice(0, colon), password: text.slice(colon + 1) }]
}

const decoded = (base64: string): string => {
  try {
    return textOfBase64(base64)
  } catch {
    return ''
  }
}
