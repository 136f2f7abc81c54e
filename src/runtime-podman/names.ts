import type { ContainerRef } from '../core/pods/runtime.ts'

/** The name in the engine, from what identifies a container: a retry finds what the first try made. */
export const engineName = (id: ContainerRef): string => `dunlin-${id.podUid}-${id.container}-${id.attempt}`

/** The container that holds a shared PID namespace. No container of a pod may be called so (no DNS label). */
export const pauseContainer = '_pause'

/** Labels are the record of what is ours. */
export const labels = {
  namespace: 'dunlin.io/namespace',
  name: 'dunlin.io/name',
  uid: 'dunlin.io/uid',
  container: 'dunlin.io/container',
  specHash: 'dunlin.io/spec-hash',
  attempt: 'dunlin.io/attempt',
  isInit: 'dunlin.io/is-init',
  image: 'dunlin.io/image',
  cgroupParent: 'dunlin.io/cgroup-parent',
  logMaxBytes: 'dunlin.io/log-max-bytes',
} as const

export const sameContainer = (a: ContainerRef, b: ContainerRef): boolean =>
  a.podUid === b.podUid && a.container === b.container && a.attempt === b.attempt

/**
 * The full name that Kubernetes means by an image reference (docker.io, library/, :latest are left out by people).
 *
 * @example fullReference('nginx') // 'docker.io/library/nginx:latest'
 */
export const fullReference = (reference: string): string => {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) return reference
  const [first = '', ...rest] = reference.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const named = hasHost ? reference : `docker.io/${rest.length === 0 ? 'library/' : ''}${reference}`
  const last = named.split('/').at(-1) ?? ''
  return /[:@]/.test(last) ? named : `${named}:latest`
}
