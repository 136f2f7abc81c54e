import type { ConfigMap, Container, EnvVar, Pod, Secret } from '../../api/types.ts'
import type { ServiceEntry } from '../services/neighbourhood.ts'
import { expandVariables } from './expand.ts'
import { type FieldFacts, fieldValue, resourceValue } from './field-ref.ts'

/** ConfigMaps and Secrets of the assignment, looked up by namespace and name. */
export interface Sources {
  configMap(namespace: string, name: string): ConfigMap | undefined
  secret(namespace: string, name: string): Secret | undefined
}

export type Environment =
  | { readonly env: ReadonlyMap<string, string> }
  /** Why it cannot be made now, e.g. `configmap "settings" not found`. */
  | { readonly missing: string }

/**
 * A container's environment by upstream's rules: service variables, then envFrom, then env in order, each able to use
 * those before it by `$(NAME)` (k8s: makeEnvironmentVariables).
 */
export const environment = (of: {
  readonly pod: Pod
  readonly container: Container
  readonly sources: Sources
  readonly fields: FieldFacts
  readonly services: readonly ServiceEntry[]
}): Environment => {
  const { pod, container, sources } = of
  const namespace = pod.metadata.namespace ?? ''
  const own = new Map<string, string>()
  const services =
    pod.spec?.enableServiceLinks === false ? new Map<string, string>() : serviceLinks(of.services, namespace)
  for (const from of container.envFrom ?? []) {
    const values = from.configMapRef
      ? fromConfigMap(sources, namespace, from.configMapRef.name ?? '', from.configMapRef.optional === true)
      : fromSecret(sources, namespace, from.secretRef?.name ?? '', from.secretRef?.optional === true)
    if ('missing' in values) return values
    for (const [key, value] of values.all) {
      const name = `${from.prefix ?? ''}${key}`
      // k8s: keys that are no names of variables are left out.
      if (/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) own.set(name, value)
    }
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, of, namespace, new Map([...services, ...own]))
    if (typeof value === 'object') return value
    if (value !== undefined) own.set(variable.name, value)
  }
  return { env: new Map([...services, ...own]) }
}

const variableValue = (
  variable: EnvVar,
  of: Parameters<typeof environment>[0],
  namespace: string,
  known: ReadonlyMap<string, string>,
): string | undefined | { readonly missing: string } => {
  const from = variable.valueFrom
  if (variable.value || from === undefined) return expandVariables(variable.value ?? '', known)
  if (from.fieldRef) {
    const value = fieldValue(from.fieldRef.fieldPath, of.fields)
    return value ?? { missing: `env ${variable.name}: field "${from.fieldRef.fieldPath}" cannot be read` }
  }
  if (from.resourceFieldRef) {
    const value = resourceValue(from.resourceFieldRef, of.container, of.fields.node)
    return value ?? { missing: `env ${variable.name}: there is no resource "${from.resourceFieldRef.resource}"` }
  }
  if (from.configMapKeyRef) {
    const { name = '', key, optional = false } = from.configMapKeyRef
    const values = fromConfigMap(of.sources, namespace, name, optional)
    if ('missing' in values) return values
    const value = values.all.get(key)
    return value !== undefined || optional
      ? value
      : { missing: `couldn't find key ${key} in ConfigMap ${namespace}/${name}` }
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional = false } = from.secretKeyRef
    const values = fromSecret(of.sources, namespace, name, optional)
    if ('missing' in values) return values
    const value = values.all.get(key)
    return value !== undefined || optional
      ? value
      : { missing: `couldn't find key ${key} in Secret ${namespace}/${name}` }
  }
  return { missing: `env ${variable.name}: its source is of a kind that this release does not know` }
}

type Values = { readonly all: ReadonlyMap<string, string> } | { readonly missing: string }

const fromConfigMap = (sources: Sources, namespace: string, name: string, optional: boolean): Values => {
  const found = sources.configMap(namespace, name)
  if (found === undefined) return optional ? { all: new Map() } : { missing: `configmap "${name}" not found` }
  return { all: new Map(Object.entries(found.data ?? {})) }
}

const fromSecret = (sources: Sources, namespace: string, name: string, optional: boolean): Values => {
  const found = sources.secret(namespace, name)
  if (found === undefined) return optional ? { all: new Map() } : { missing: `secret "${name}" not found` }
  return { all: new Map(Object.entries(found.data ?? {}).map(([key, value]) => [key, textOfBase64(value)])) }
}

export const textOfBase64 = (base64: string): string =>
  new TextDecoder().decode(Uint8Array.from(atob(base64), character => character.charCodeAt(0)))

/** k8s: docker-links style variables of the Services of the pod's namespace, and of `kubernetes` in `default`. */
const serviceLinks = (services: readonly ServiceEntry[], namespace: string): ReadonlyMap<string, string> => {
  const links = new Map<string, string>()
  const shown = services.filter(
    one => one.namespace === namespace || (one.namespace === 'default' && one.name === 'kubernetes'),
  )
  for (const one of shown) {
    const [first] = one.ports
    if (one.clusterIP === undefined || first === undefined) continue
    const name = one.name.toUpperCase().replaceAll('-', '_')
    links.set(`${name}_SERVICE_HOST`, one.clusterIP)
    links.set(`${name}_SERVICE_PORT`, String(first.port))
    for (const port of one.ports) {
      if (port.name !== '')
        links.set(`${name}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port))
    }
    const url = (port: typeof first): string => `${port.protocol.toLowerCase()}://${one.clusterIP}:${port.port}`
    links.set(`${name}_PORT`, url(first))
    for (const port of one.ports) {
      const prefix = `${name}_PORT_${port.port}_${port.protocol}`
      links.set(prefix, url(port))
      links.set(`${prefix}_PROTO`, port.protocol.toLowerCase())
      links.set(`${prefix}_PORT`, String(port.port))
      links.set(`${prefix}_ADDR`, one.clusterIP)
    }
  }
  return links
}
