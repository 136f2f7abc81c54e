/**
 * Reads the models of @kubernetes/client-node (Kubernetes 1.36): properties, types, which are required, and what they
 * mean. Both generators of src/api/generated start here.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const models = fileURLToPath(new URL('../node_modules/@kubernetes/client-node/dist/gen/models/', import.meta.url))

/** Everything that is stored, sent or received. What they refer to follows. */
export const roots = [
  'V1Namespace',
  'V1Node',
  'V1Pod',
  'V1Deployment',
  'V1ReplicaSet',
  'V1DaemonSet',
  'V1Service',
  'V1EndpointSlice',
  'V1ConfigMap',
  'V1Secret',
  'CoreV1Event',
  'V1ServiceAccount',
  'V1PersistentVolume',
  'V1PersistentVolumeClaim',
  'V1StorageClass',
  'V1Role',
  'V1RoleBinding',
  'V1ClusterRole',
  'V1ClusterRoleBinding',
  'V1Lease',
  'V1Status',
  'V1DeleteOptions',
  'V1Scale',
  'V1Eviction',
  'V1Binding',
  'V1ListMeta',
  'V1LabelSelector',
  'V1SelfSubjectAccessReview',
  'V1SubjectAccessReview',
  'V1LocalSubjectAccessReview',
  'V1SelfSubjectRulesReview',
  'V1SelfSubjectReview',
  'V1APIResource',
  'V1APIResourceList',
  'V1APIGroup',
  'V1APIGroupList',
  'AuthenticationV1TokenRequest',
  'V1TokenReview',
]

const prefixes = '(?:Core|Authentication|Storage|Discovery|Rbac)?V1'

/** Every mention of a model in a type. */
export const modelNames = (type: string): readonly string[] =>
  [...type.matchAll(new RegExp(`\\b${prefixes}[A-Z]\\w*\\b`, 'g'))]
    .map(([name]) => name)
    .filter(name => name !== 'V1MicroTime')

/**
 * The name our code uses for a model: V1Pod is Pod, CoreV1Event is Event. Where two groups have the same name, ours is
 * the one that is reached first.
 */
export const ourName = (model: string): string => model.replace(new RegExp(`^${prefixes}`), '')

export interface ModelField {
  readonly name: string
  /** As in the .d.ts: `Array<V1Container>`, `{ [key: string]: string; }`. */
  readonly type: string
  /** `int32`, `date-time`, `byte` … or empty. */
  readonly format: string
  readonly isRequired: boolean
  readonly description: string
}

export interface Model {
  readonly name: string
  readonly description: string
  readonly fields: readonly ModelField[]
}

const readModel = (name: string): Model => {
  const text = readFileSync(`${models}${name}.d.ts`, 'utf8')
  const code = readFileSync(`${models}${name}.js`, 'utf8')
  const formats = new Map(
    [...code.matchAll(/"baseName": "([^"]+)",\s*"type": "[^"]*",\s*"format": "([^"]*)"/g)].map(match => [
      match[1] ?? '',
      match[2] ?? '',
    ]),
  )
  const start = text.indexOf(`export declare class ${name}`)
  const body = text.slice(start, text.indexOf('static readonly discriminator'))
  const fields = [
    ...body.matchAll(/(?:\/\*\*\n((?: {4}\*[^\n]*\n)*?) {4}\*\/\s*)?'([^']+)'(\?)?: ((?:\{[^}]*\}|[^;])+);/g),
  ].map(([, comment = '', baseName = '', optional, type = '']): ModelField => {
    const field = baseName.replace(/^_/, '')
    return {
      name: field,
      type,
      format: formats.get(field) ?? '',
      isRequired: optional === undefined,
      description: commentText(comment),
    }
  })
  const head = /\/\*\*\n((?:\*[^\n]*\n)*?)\*\/\s*$/.exec(text.slice(0, start))?.[1] ?? ''
  return { name, description: commentText(head), fields }
}

const commentText = (comment: string): string =>
  comment
    .split('\n')
    .map(line => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
    .replaceAll(/\\(['"\\])/g, '$1')
    .replaceAll('*_/', '*/')

/** The roots and all that they refer to, in the order of first mention. */
export const readModels = (): readonly Model[] => {
  const seen = new Map<string, Model>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    const model = readModel(name)
    seen.set(name, model)
    for (const field of model.fields) for (const mentioned of modelNames(field.type)) visit(mentioned)
  }
  for (const root of roots) visit(root)
  return [...seen.values()]
}
