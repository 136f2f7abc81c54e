import type { Container, Pod, PodSpec } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { sha256Hex } from '../../lib/sha256.ts'

/**
 * What a container was made from, as a short text: a running container with this hash is the desired one.
 * `v1:` and the SHA-256 of the canonical JSON of the container's entry exactly as the hub stored it, with the fields
 * of the pod that it consumes. No default is added before hashing, so that no upgrade restarts anything.
 * Values from ConfigMaps and Secrets are fixed when a container is made and are no part of it (k8s: env).
 *
 * @example specHash(pod, pod.spec.containers[0]) // 'v1:5d41…'
 */
export const specHash = (pod: Pod, container: Container): string =>
  `v1:${sha256Hex(canonicalJson({ container, pod: consumedFields(pod.spec, container) }))}`

/** The fields of a pod's spec that shape this container. Growing this list needs a new algorithm beside `v1`. */
const consumedFields = (spec: PodSpec | undefined, container: Container): object => {
  const mounted = new Set(container.volumeMounts?.map(mount => mount.name))
  const volumes = spec?.volumes?.filter(volume => mounted.has(volume.name)) ?? []
  return {
    hostIPC: spec?.hostIPC,
    hostNetwork: spec?.hostNetwork,
    hostPID: spec?.hostPID,
    hostUsers: spec?.hostUsers,
    securityContext: spec?.securityContext,
    shareProcessNamespace: spec?.shareProcessNamespace,
    volumes: volumes.length === 0 ? undefined : volumes,
  }
}
