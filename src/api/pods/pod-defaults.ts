import { canonicalQuantity, tryParseQuantity } from '../quantity.ts'
import type {
  Container,
  EnvVar,
  HTTPGetAction,
  Lifecycle,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
  Toleration,
  Volume,
  VolumeProjection,
} from '../types.ts'

/**
 * What Kubernetes adds to a pod (k8s: core/v1 defaults.go and the admission plugins DefaultTolerationSeconds,
 * ServiceAccount and Priority): the spec's defaults, requests from limits, host ports, the two tolerations of 300 s,
 * and a first status. Idempotent.
 */
export const podDefaults = (pod: Pod): Pod => {
  if (pod.spec === undefined) return pod
  const spec = podSpecDefaults(pod.spec)
  const withOwn: PodSpec = {
    ...spec,
    containers: spec.containers.map(one => podContainer(one, spec.hostNetwork === true)),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: spec.initContainers.map(one => podContainer(one, spec.hostNetwork === true)) }),
    enableServiceLinks: spec.enableServiceLinks ?? true,
    serviceAccountName: spec.serviceAccountName || 'default',
    serviceAccount: spec.serviceAccount || 'default',
    priority: spec.priority ?? systemPriorities.get(spec.priorityClassName ?? '') ?? 0,
    preemptionPolicy: spec.preemptionPolicy ?? 'PreemptLowerPriority',
    tolerations: withLostNodeTolerations(spec.tolerations ?? []),
  }
  return { ...pod, spec: withOwn, status: { phase: 'Pending', qosClass: qosClass(withOwn), ...pod.status } }
}

/** The two priority classes that every Kubernetes has. */
const systemPriorities: ReadonlyMap<string, number> = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
])

/** How long a pod stays bound to a node that is gone, where it does not say. */
const lostNodeSeconds = 300

const withLostNodeTolerations = (tolerations: readonly Toleration[]): readonly Toleration[] => {
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    key =>
      !tolerations.some(
        one => (one.key === key || (one.key ?? '') === '') && (one.effect === 'NoExecute' || (one.effect ?? '') === ''),
      ),
  )
  return [
    ...tolerations,
    ...missing.map(
      (key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: lostNodeSeconds }),
    ),
  ]
}

const podContainer = (container: Container, isHostNetwork: boolean): Container => {
  const { limits, requests } = container.resources ?? {}
  return {
    ...container,
    ...(container.ports === undefined || !isHostNetwork
      ? {}
      : { ports: container.ports.map(port => ({ ...port, hostPort: port.hostPort ?? port.containerPort })) }),
    ...(limits === undefined ? {} : { resources: { ...container.resources, requests: { ...limits, ...requests } } }),
  }
}

/**
 * Guaranteed, Burstable or BestEffort (k8s: qos.GetPodQOS), from what containers ask for of CPU and memory.
 */
export const qosClass = (spec: PodSpec): string => {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const amounts = containers.map(({ resources }) => ({
    requests: positive(resources?.requests),
    limits: positive(resources?.limits),
  }))
  if (amounts.every(one => one.requests.size === 0 && one.limits.size === 0)) return 'BestEffort'
  const isGuaranteed = amounts.every(({ requests, limits }) =>
    ['cpu', 'memory'].every(
      name => limits.has(name) && (!requests.has(name) || requests.get(name) === limits.get(name)),
    ),
  )
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}

const positive = (amounts: { readonly [name: string]: string } | undefined): ReadonlyMap<string, bigint> =>
  new Map(
    ['cpu', 'memory'].flatMap(name => {
      const nanos = tryParseQuantity(String(amounts?.[name] ?? '')) ?? 0n
      return nanos > 0n ? [[name, nanos] as const] : []
    }),
  )

/** Defaults of a pod template: those of the spec alone. */
export const podTemplateDefaults = (template: PodTemplateSpec): PodTemplateSpec =>
  template.spec === undefined ? template : { ...template, spec: podSpecDefaults(template.spec) }

/** Defaults of a pod's spec, wherever it stands. */
export const podSpecDefaults = (spec: PodSpec): PodSpec => {
  const account = spec.serviceAccountName || spec.serviceAccount
  return {
    ...spec,
    containers: spec.containers.map(containerDefaults),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(containerDefaults) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(volumeDefaults) }),
    ...(account ? { serviceAccountName: account, serviceAccount: account } : {}),
    restartPolicy: spec.restartPolicy || 'Always',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName || 'default-scheduler',
  }
}

const containerDefaults = (container: Container): Container => ({
  ...container,
  ...(container.env === undefined ? {} : { env: container.env.map(envDefaults) }),
  ...(container.ports === undefined
    ? {}
    : { ports: container.ports.map(port => ({ ...port, protocol: port.protocol || 'TCP' })) }),
  ...(container.livenessProbe === undefined ? {} : { livenessProbe: probeDefaults(container.livenessProbe) }),
  ...(container.readinessProbe === undefined ? {} : { readinessProbe: probeDefaults(container.readinessProbe) }),
  ...(container.startupProbe === undefined ? {} : { startupProbe: probeDefaults(container.startupProbe) }),
  ...(container.lifecycle === undefined ? {} : { lifecycle: lifecycleDefaults(container.lifecycle) }),
  resources: resourcesDefaults(container.resources ?? {}),
  terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
  terminationMessagePolicy: container.terminationMessagePolicy || 'File',
  imagePullPolicy: container.imagePullPolicy || defaultPullPolicy(container.image ?? ''),
})

/** Amounts in their canonical text, as upstream stores them: `0.5` is `500m`. What is no quantity is left to validation. */
const resourcesDefaults = (resources: ResourceRequirements): ResourceRequirements => ({
  ...resources,
  ...(resources.requests === undefined ? {} : { requests: canonicalAmounts(resources.requests) }),
  ...(resources.limits === undefined ? {} : { limits: canonicalAmounts(resources.limits) }),
})

/** Every amount of the map in canonical text. */
export const canonicalAmounts = (amounts: { readonly [name: string]: string }): { readonly [name: string]: string } =>
  Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [
      name,
      tryParseQuantity(String(amount)) === undefined ? amount : canonicalQuantity(amount),
    ]),
  )

/** `Always` for `:latest` and for no tag at all, else `IfNotPresent`. A digest is a fixed image. */
export const defaultPullPolicy = (image: string): 'Always' | 'IfNotPresent' => {
  if (image.includes('@')) return 'IfNotPresent'
  const last = image.slice(image.lastIndexOf('/') + 1)
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

const envDefaults = (env: EnvVar): EnvVar => {
  const { valueFrom } = env
  if (valueFrom?.fieldRef !== undefined) {
    return { ...env, valueFrom: { ...valueFrom, fieldRef: { apiVersion: 'v1', ...valueFrom.fieldRef } } }
  }
  if (valueFrom?.resourceFieldRef !== undefined) {
    return { ...env, valueFrom: { ...valueFrom, resourceFieldRef: { divisor: '0', ...valueFrom.resourceFieldRef } } }
  }
  return env
}

const probeDefaults = (probe: Probe): Probe => ({
  ...probe,
  ...(probe.httpGet === undefined ? {} : { httpGet: httpGetDefaults(probe.httpGet) }),
  ...(probe.grpc === undefined ? {} : { grpc: { service: '', ...probe.grpc } }),
  timeoutSeconds: probe.timeoutSeconds || 1,
  periodSeconds: probe.periodSeconds || 10,
  successThreshold: probe.successThreshold || 1,
  failureThreshold: probe.failureThreshold || 3,
})

const httpGetDefaults = (get: HTTPGetAction): HTTPGetAction => ({
  ...get,
  path: get.path || '/',
  scheme: get.scheme || 'HTTP',
})

const lifecycleDefaults = (lifecycle: Lifecycle): Lifecycle => ({
  ...lifecycle,
  ...(lifecycle.postStart?.httpGet === undefined
    ? {}
    : { postStart: { ...lifecycle.postStart, httpGet: httpGetDefaults(lifecycle.postStart.httpGet) } }),
  ...(lifecycle.preStop?.httpGet === undefined
    ? {}
    : { preStop: { ...lifecycle.preStop, httpGet: httpGetDefaults(lifecycle.preStop.httpGet) } }),
})

/** rw-r--r-- */
const fileMode = 0o644

const volumeDefaults = (volume: Volume): Volume => {
  if (Object.keys(volume).every(key => key === 'name')) return { ...volume, emptyDir: {} }
  return {
    ...volume,
    ...(volume.configMap === undefined ? {} : { configMap: { defaultMode: fileMode, ...volume.configMap } }),
    ...(volume.secret === undefined ? {} : { secret: { defaultMode: fileMode, ...volume.secret } }),
    ...(volume.hostPath === undefined ? {} : { hostPath: { type: '', ...volume.hostPath } }),
    ...(volume.downwardAPI === undefined
      ? {}
      : {
          downwardAPI: {
            defaultMode: fileMode,
            ...volume.downwardAPI,
            ...(volume.downwardAPI.items === undefined
              ? {}
              : { items: volume.downwardAPI.items.map(downwardItemDefaults) }),
          },
        }),
    ...(volume.projected === undefined
      ? {}
      : {
          projected: {
            defaultMode: fileMode,
            ...volume.projected,
            ...(volume.projected.sources === undefined
              ? {}
              : { sources: volume.projected.sources.map(projectionDefaults) }),
          },
        }),
  }
}

type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]

const downwardItemDefaults = (item: DownwardItem): DownwardItem => ({
  ...item,
  ...(item.fieldRef === undefined ? {} : { fieldRef: { apiVersion: 'v1', ...item.fieldRef } }),
  ...(item.resourceFieldRef === undefined ? {} : { resourceFieldRef: { divisor: '0', ...item.resourceFieldRef } }),
})

const projectionDefaults = (source: VolumeProjection): VolumeProjection => ({
  ...source,
  ...(source.serviceAccountToken === undefined
    ? {}
    : { serviceAccountToken: { expirationSeconds: 3600, ...source.serviceAccountToken } }),
  ...(source.downwardAPI?.items === undefined
    ? {}
    : { downwardAPI: { ...source.downwardAPI, items: source.downwardAPI.items.map(downwardItemDefaults) } }),
})
