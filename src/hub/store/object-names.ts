import { Fault, type FaultCause } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject, ObjectKey } from '../../api/types.ts'

/** `deployments.apps`, as 404 and 409 name things. */
export const resourceName = (kind: Kind): string => (kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`)

/** `Deployment.apps`, as 422 names them. */
export const kindName = (kind: Kind): string => (kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`)

export const apiVersion = (kind: Kind): string => (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`)

export const keyOf = (object: KubeObject): ObjectKey => ({
  namespace: object.metadata.namespace ?? '',
  name: object.metadata.name ?? '',
})

export const storePrefix = (kind: Kind): string => `/${kind.group === '' ? 'core' : kind.group}/${kind.plural}/`

export const storeKey = (kind: Kind, { namespace, name }: ObjectKey): string =>
  `${storePrefix(kind)}${namespace}/${name}`

const details = (kind: Kind, name: string) => ({ name, group: kind.group, kind: kind.plural })

export const notFound = (kind: Kind, name: string): Fault =>
  new Fault('NotFound', `${resourceName(kind)} "${name}" not found`, details(kind, name))

export const alreadyExists = (kind: Kind, name: string): Fault =>
  new Fault('AlreadyExists', `${resourceName(kind)} "${name}" already exists`, details(kind, name))

export const conflict = (
  kind: Kind,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): Fault =>
  new Fault('Conflict', `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`, details(kind, name))

export const forbiddenWrite = (kind: Kind, name: string, why: string): Fault =>
  new Fault('Forbidden', `${resourceName(kind)} "${name}" is forbidden: ${why}`, details(kind, name))

/** A 422 with its causes, in upstream's form: one as it is, several in brackets. */
export const invalid = (kind: Kind, name: string, causes: readonly FaultCause[]): Fault => {
  const told = causes.map(one => (one.field === '' ? one.message : `${one.field}: ${one.message}`))
  const text = told.length === 1 ? told[0] : `[${told.join(', ')}]`
  const about = { name, group: kind.group, kind: kind.kind, causes }
  return new Fault('Invalid', `${kindName(kind)} "${name}" is invalid: ${text}`, about)
}
