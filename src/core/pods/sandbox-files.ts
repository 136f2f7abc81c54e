import type { Pod } from '../../api/types.ts'
import type { NodeNetwork } from '../nodes/assignment.ts'
import type { HostPort } from '../services/pod-network.ts'
import type { SandboxFiles, SandboxSpec } from './runtime.ts'

/** The sandbox that a pod asks for. */
export const sandboxSpec = (pod: Pod, network: NodeNetwork | undefined): SandboxSpec => {
  const { metadata, spec } = pod
  const short = hostnameOf(pod)
  const isFqdn = spec?.setHostnameAsFQDN === true && spec.subdomain !== undefined && network !== undefined
  const isHostNetwork = spec?.hostNetwork === true
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    hostname: isFqdn ? `${short}.${domainOf(pod, network)}` : short,
    hostNetwork: isHostNetwork,
    hostIPC: spec?.hostIPC === true,
    hostPID: spec?.hostPID === true,
    shareProcessNamespace: spec?.shareProcessNamespace === true,
    sysctls: Object.fromEntries((spec?.securityContext?.sysctls ?? []).map(one => [one.name, one.value])),
  }
}

/** k8s: spec.hostname, else the name of the pod, of at most 63 characters. */
const hostnameOf = (pod: Pod): string =>
  (pod.spec?.hostname ?? pod.metadata.name ?? '').slice(0, 63).replace(/[-.]+$/, '')

const domainOf = (pod: Pod, network: NodeNetwork): string =>
  `${pod.spec?.subdomain ?? ''}.${pod.metadata.namespace ?? ''}.svc.${network.domain}`

/**
 * The pod's /etc/hosts and /etc/resolv.conf. A part that is absent is the host's own.
 * k8s: managedHostsFileContent, and the four dnsPolicies.
 */
export const sandboxFiles = (of: {
  readonly pod: Pod
  readonly network: NodeNetwork | undefined
  readonly podIP: string | undefined
  /** Text of the host's own files, to which a pod may add. */
  readonly host: { readonly hosts: string; readonly resolvConf: string }
}): SandboxFiles => {
  const hosts = hostsText(of)
  const resolvConf = resolvText(of)
  return { ...(hosts === undefined ? {} : { hosts }), ...(resolvConf === undefined ? {} : { resolvConf }) }
}

type Asked = Parameters<typeof sandboxFiles>[0]

const hostsText = ({ pod, network, podIP, host }: Asked): string | undefined => {
  const aliases = (pod.spec?.hostAliases ?? []).map(one => `${one.ip}\t${(one.hostnames ?? []).join('\t')}\n`)
  const added = aliases.length === 0 ? '' : `\n# Entries added by HostAliases.\n${aliases.join('')}`
  if (pod.spec?.hostNetwork === true) return added === '' ? undefined : `${host.hosts}${added}`
  const name = hostnameOf(pod)
  const full = pod.spec?.subdomain !== undefined && network !== undefined ? `${name}.${domainOf(pod, network)}\t` : ''
  return [
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    podIP === undefined ? '' : `${podIP}\t${full}${name}\n`,
    added,
  ].join('')
}

/** The resolver of musl and glibc asks again soon, so that a DNS server that restarts is not felt. */
const patience = ['timeout:1', 'attempts:5']

const resolvText = ({ pod, network, host }: Asked): string | undefined => {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst'
  const isCluster =
    network !== undefined &&
    (policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec?.hostNetwork !== true))
  const own = pod.spec?.dnsConfig
  if (!isCluster && policy !== 'None' && own === undefined) return undefined
  const from = isCluster ? clusterDns(pod, network) : policy === 'None' ? emptyDns : parseResolvConf(host.resolvConf)
  const servers = [...new Set([...from.servers, ...(own?.nameservers ?? [])])].slice(0, 3)
  const searches = [...new Set([...from.searches, ...(own?.searches ?? [])])].slice(0, 32)
  const options = new Map(from.options.map(option => [option.split(':')[0], option] as const))
  for (const { name = '', value } of own?.options ?? [])
    options.set(name, value === undefined ? name : `${name}:${value}`)
  return [
    ...servers.map(server => `nameserver ${server}\n`),
    searches.length === 0 ? '' : `search ${searches.join(' ')}\n`,
    options.size === 0 ? '' : `options ${[...options.values()].join(' ')}\n`,
  ].join('')
}

interface Dns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

const emptyDns: Dns = { servers: [], searches: [], options: [] }

const clusterDns = (pod: Pod, network: NodeNetwork): Dns => {
  const { domain } = network
  return {
    servers: [network.dnsAddress],
    searches: [`${pod.metadata.namespace ?? ''}.svc.${domain}`, `svc.${domain}`, domain],
    options: ['ndots:5', ...patience],
  }
}

const parseResolvConf = (text: string): Dns => {
  const lines = text.split('\n').map(line => line.trim().split(/\s+/))
  const of = (word: string): readonly string[] => lines.filter(line => line[0] === word).flatMap(line => line.slice(1))
  return { servers: of('nameserver'), searches: of('search'), options: of('options') }
}

/** Ports of the node that lead to the pod. */
export const hostPortsOf = (pod: Pod): readonly HostPort[] =>
  (pod.spec?.containers ?? []).flatMap(container =>
    (container.ports ?? []).flatMap(port =>
      port.hostPort === undefined || port.hostPort === 0
        ? []
        : [
            {
              protocol: port.protocol === 'UDP' ? ('UDP' as const) : ('TCP' as const),
              hostPort: port.hostPort,
              containerPort: port.containerPort,
              ...(port.hostIP ? { hostIP: port.hostIP } : {}),
            },
          ],
    ),
  )
