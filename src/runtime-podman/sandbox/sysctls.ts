import { Fault } from '../../api/fault.ts'
import type { SandboxSpec } from '../../core/pods/runtime.ts'

/** Sysctls that belong to a namespace of the pod (k8s: "namespaced sysctls"); any other would change the host. */
const ofNetwork = /^net\.[A-Za-z0-9_.-]+$/
const ofIpc = /^(kernel\.(shm(all|max|mni|_rmid_forced)|msg(max|mnb|mni)|sem)|fs\.mqueue\.[a-z_]+)$/

/**
 * The files under /proc/sys to write inside the sandbox, and what to write.
 *
 * @throws Fault Invalid naming a sysctl that is not the pod's own
 * @example sysctlWrites({ ...sandbox, sysctls: { 'net.core.somaxconn': '512' } }) // [{ path: '/proc/sys/net/core/somaxconn', value: '512' }]
 */
export const sysctlWrites = (
  spec: Pick<SandboxSpec, 'sysctls' | 'hostNetwork' | 'hostIPC'>,
): readonly { readonly path: string; readonly value: string }[] =>
  Object.entries(spec.sysctls).map(([name, value]) => {
    const isOurs = (ofNetwork.test(name) && !spec.hostNetwork) || (ofIpc.test(name) && !spec.hostIPC)
    if (!isOurs || name.includes('..') || value.length > 1000)
      throw new Fault(
        'Invalid',
        `sysctl "${name}" does not belong to a namespace of the pod, so it would change the host`,
        {
          sysctl: name,
        },
      )
    return { path: `/proc/sys/${name.replaceAll('.', '/')}`, value }
  })
