import { Fault } from './fault.ts'
import type { Kind } from './kind.ts'
import { configMapKind, secretKind } from './kinds/config.ts'
import { daemonSetKind } from './kinds/daemon-set.ts'
import { deploymentKind } from './kinds/deployment.ts'
import { endpointSliceKind } from './kinds/endpoint-slice.ts'
import { eventKind } from './kinds/event.ts'
import { leaseKind } from './kinds/lease.ts'
import { namespaceKind } from './kinds/namespace.ts'
import { nodeKind } from './kinds/node.ts'
import { podKind } from './kinds/pod.ts'
import { clusterRoleBindingKind, clusterRoleKind, roleBindingKind, roleKind } from './kinds/rbac.ts'
import { replicaSetKind } from './kinds/replica-set.ts'
import { serviceKind } from './kinds/service.ts'
import { serviceAccountKind } from './kinds/service-account.ts'
import { persistentVolumeClaimKind, persistentVolumeKind, storageClassKind } from './kinds/volumes.ts'

/** The kinds table: everything that is stored and served, in the order in which discovery lists it. */
export const allKinds: readonly Kind[] = [
  configMapKind,
  eventKind,
  namespaceKind,
  nodeKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
  secretKind,
  serviceAccountKind,
  serviceKind,
  daemonSetKind,
  deploymentKind,
  replicaSetKind,
  leaseKind,
  endpointSliceKind,
  clusterRoleBindingKind,
  clusterRoleKind,
  roleBindingKind,
  roleKind,
  storageClassKind,
]

const byName = new Map(allKinds.map(kind => [kind.kind, kind]))
const byPlural = new Map(allKinds.map(kind => [`${kind.group}/${kind.version}/${kind.plural}`, kind]))
const byApiVersion = new Map(allKinds.map(kind => [`${apiVersionOf(kind)}/${kind.kind}`, kind]))

/**
 * The kind that the hub's code asks for by its name.
 * @throws Fault Internal: the name is written in our own code, so it must be there
 * @example kindNamed('Pod').plural // 'pods'
 */
export const kindNamed = (name: string): Kind => {
  const kind = byName.get(name)
  if (kind === undefined) throw new Fault('Internal', `there is no kind ${JSON.stringify(name)} in the kinds table`)
  return kind
}

/** The kind of a manifest. @example kindOf('apps/v1', 'Deployment') */
export const kindOf = (apiVersion: string, kind: string): Kind | undefined => byApiVersion.get(`${apiVersion}/${kind}`)

/** The kind of a URL. @example kindAt('', 'v1', 'pods') */
export const kindAt = (group: string, version: string, plural: string): Kind | undefined =>
  byPlural.get(`${group}/${version}/${plural}`)

/** `v1` or `apps/v1`. */
export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** The name of a kind in a 422: `Pod` or `Deployment.apps`. */
export const qualifiedKind = (kind: Kind): string => (kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`)

/** The name of a resource in a 404 or 409: `pods` or `deployments.apps`. */
export const qualifiedPlural = (kind: Kind): string =>
  kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
