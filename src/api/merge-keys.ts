/**
 * How lists and maps of the API merge (k8s: the struct tags patchStrategy, patchMergeKey, listType and listMapKey of
 * 1.36). Everything that is not here: maps merge, lists are replaced.
 */
export interface MergeRule {
  /** Of strategic merge patch. `retainKeys`: members of the map that the patch does not name go. */
  readonly strategy?: 'merge' | 'retainKeys' | 'merge,retainKeys' | 'replace'
  /** The key of the list's items in a strategic merge patch. Absent with `merge`: a set of primitives. */
  readonly key?: string
  /** Further keys that tell items apart, in server-side apply. */
  readonly moreKeys?: readonly string[]
  /** The keys of the list's items in server-side apply. */
  readonly listKeys?: readonly string[]
}

const byKey = (key: string, ...listKeys: readonly string[]): MergeRule => ({
  strategy: 'merge',
  key,
  listKeys: listKeys.length === 0 ? [key] : listKeys,
})

const retaining = (key: string): MergeRule => ({ strategy: 'merge,retainKeys', key, listKeys: [key] })

/** `Type.field` -> rule. */
export const mergeRules: { readonly [field: string]: MergeRule | undefined } = {
  'Container.env': byKey('name'),
  'Container.ports': byKey('containerPort', 'containerPort', 'protocol'),
  'Container.volumeDevices': byKey('devicePath'),
  'Container.volumeMounts': byKey('mountPath'),
  'ContainerStatus.allocatedResourcesStatus': byKey('name'),
  'ContainerStatus.volumeMounts': byKey('mountPath'),
  'DaemonSetStatus.conditions': byKey('type'),
  'DeploymentSpec.strategy': { strategy: 'retainKeys' },
  'DeploymentStatus.conditions': byKey('type'),
  'EphemeralContainer.env': byKey('name'),
  'EphemeralContainer.ports': byKey('containerPort', 'containerPort', 'protocol'),
  'EphemeralContainer.volumeDevices': byKey('devicePath'),
  'EphemeralContainer.volumeMounts': byKey('mountPath'),
  'NamespaceStatus.conditions': byKey('type'),
  'NodeSpec.podCIDRs': { strategy: 'merge' },
  'NodeStatus.addresses': byKey('type'),
  'NodeStatus.conditions': byKey('type'),
  'ObjectMeta.finalizers': { strategy: 'merge' },
  'ObjectMeta.ownerReferences': byKey('uid'),
  'PersistentVolumeClaimStatus.conditions': byKey('type'),
  'PodSpec.containers': byKey('name'),
  'PodSpec.ephemeralContainers': byKey('name'),
  'PodSpec.hostAliases': byKey('ip'),
  'PodSpec.imagePullSecrets': byKey('name'),
  'PodSpec.initContainers': byKey('name'),
  'PodSpec.resourceClaims': retaining('name'),
  'PodSpec.schedulingGates': byKey('name'),
  'PodSpec.topologySpreadConstraints': byKey('topologyKey', 'topologyKey', 'whenUnsatisfiable'),
  'PodSpec.volumes': retaining('name'),
  'PodStatus.conditions': byKey('type'),
  'PodStatus.hostIPs': { strategy: 'merge', key: 'ip' },
  'PodStatus.podIPs': byKey('ip'),
  'PodStatus.resourceClaimStatuses': retaining('name'),
  'ReplicaSetStatus.conditions': byKey('type'),
  'ResourceRequirements.claims': { listKeys: ['name'] },
  'ServiceAccount.secrets': byKey('name'),
  'ServiceSpec.ports': byKey('port', 'port', 'protocol'),
  'ServiceStatus.conditions': byKey('type'),
}
