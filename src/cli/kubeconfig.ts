import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '../api/fault.ts'
import { readIfThere } from '../lib/durable-file.ts'

/** How to reach one hub as one user. */
export interface KubeContext {
  readonly name: string
  readonly server: string
  readonly namespace: string
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly token: string | undefined
}

/** Where the kubeconfig is: the flag, KUBECONFIG, `.dunlin/kubeconfig` of the working folder or its parents, `~/.kube/config`. */
export const findKubeconfig = async (
  flag: string | undefined,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<string> => {
  if (flag !== undefined) return flag
  const named = env['KUBECONFIG']?.split(':').find(path => path !== '')
  if (named !== undefined) return named
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const path = join(folder, '.dunlin', 'kubeconfig')
    if ((await readIfThere(path)) !== undefined) return path
    if (dirname(folder) === folder) break
  }
  return join(env['HOME'] ?? homedir(), '.kube', 'config')
}

const isMap = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

interface Named {
  readonly name: string
  readonly body: { readonly [key: string]: unknown }
}

const named = (file: { readonly [key: string]: unknown }, list: string, field: string): readonly Named[] => {
  const entries = file[list]
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry: unknown) => {
    if (!isMap(entry)) return []
    const name = text(entry['name'])
    const body = entry[field]
    return name === undefined ? [] : [{ name, body: isMap(body) ? body : {} }]
  })
}

/** The names of all contexts, the current one marked. */
export const listContexts = (file: unknown): readonly { readonly name: string; readonly isCurrent: boolean }[] => {
  if (!isMap(file)) return []
  return named(file, 'contexts', 'context').map(one => ({
    name: one.name,
    isCurrent: one.name === file['current-context'],
  }))
}

/**
 * Reads one context out of a parsed kubeconfig file.
 *
 * @throws Fault BadRequest that names the file, what is missing and which contexts there are
 */
export const readContext = async (file: unknown, path: string, wanted: string | undefined): Promise<KubeContext> => {
  if (!isMap(file))
    throw new Fault('BadRequest', `${path} is not a kubeconfig: expected a YAML map with clusters, users and contexts`)
  const contexts = named(file, 'contexts', 'context')
  const name = wanted ?? text(file['current-context'])
  const context = contexts.find(one => one.name === name)
  if (context === undefined) {
    const known = contexts.map(one => one.name).join(', ') || 'none'
    throw new Fault('BadRequest', `${path} has no context "${name ?? ''}"; it has: ${known}. Choose one with --context`)
  }
  const cluster = named(file, 'clusters', 'cluster').find(one => one.name === context.body['cluster'])?.body
  const user = named(file, 'users', 'user').find(one => one.name === context.body['user'])?.body ?? {}
  const server = text(cluster?.['server'])
  if (cluster === undefined || server === undefined)
    throw new Fault('BadRequest', `${path}: context "${context.name}" names no cluster with a server`)
  const folder = dirname(path)
  const pem = async (of: { readonly [key: string]: unknown }, field: string): Promise<string | undefined> => {
    const inline = text(of[`${field}-data`])
    if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8')
    const file = text(of[field])
    return file === undefined ? undefined : readFile(resolve(folder, file), 'utf8')
  }
  return {
    name: context.name,
    server,
    namespace: text(context.body['namespace']) ?? 'default',
    ca: await pem(cluster, 'certificate-authority'),
    cert: await pem(user, 'client-certificate'),
    key: await pem(user, 'client-key'),
    token: text(user['token']),
  }
}
