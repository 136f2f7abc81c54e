import type { Container, Pod, Volume } from '../../api/types.ts'

/** A ConfigMap or Secret that a pod consumes, as `ConfigMap/namespace/name`. */
export type Reference = `${'ConfigMap' | 'Secret'}/${string}/${string}`

export const reference = (kind: 'ConfigMap' | 'Secret', namespace: string, name: string): Reference =>
  `${kind}/${namespace}/${name}`

/**
 * All ConfigMaps and Secrets that the pod's containers, volumes and image pulls name, each once.
 *
 * @example podReferences(pod) // ['ConfigMap/default/settings', 'Secret/default/registry']
 */
export const podReferences = (pod: Pod): readonly Reference[] => {
  const namespace = pod.metadata.namespace ?? 'default'
  const spec = pod.spec
  if (spec === undefined) return []
  const containers: readonly Container[] = [...(spec.initContainers ?? []), ...spec.containers]
  const named = [
    ...containers.flatMap(ofContainer),
    ...(spec.volumes ?? []).flatMap(ofVolume),
    ...(spec.imagePullSecrets ?? []).map(secret => secretNamed(secret.name)),
  ]
  const all = named.flatMap(one => (one.name === undefined ? [] : [reference(one.kind, namespace, one.name)]))
  return [...new Set(all)]
}

interface Named {
  readonly kind: 'ConfigMap' | 'Secret'
  readonly name: string | undefined
}

const configMapNamed = (name: string | undefined): Named => ({ kind: 'ConfigMap', name })
const secretNamed = (name: string | undefined): Named => ({ kind: 'Secret', name })

const ofContainer = (container: Container): readonly Named[] => [
  ...(container.envFrom ?? []).flatMap(from => [
    configMapNamed(from.configMapRef?.name),
    secretNamed(from.secretRef?.name),
  ]),
  ...(container.env ?? []).flatMap(variable => [
    configMapNamed(variable.valueFrom?.configMapKeyRef?.name),
    secretNamed(variable.valueFrom?.secretKeyRef?.name),
  ]),
]

const ofVolume = (volume: Volume): readonly Named[] => [
  configMapNamed(volume.configMap?.name),
  secretNamed(volume.secret?.secretName),
  ...(volume.projected?.sources ?? []).flatMap(source => [
    configMapNamed(source.configMap?.name),
    secretNamed(source.secret?.name),
  ]),
]
