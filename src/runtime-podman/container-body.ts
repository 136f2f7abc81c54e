import { constants } from 'node:os'
import { Fault } from '../api/fault.ts'
import type { ContainerSpec, SandboxSpec } from '../core/pods/runtime.ts'
import type { MachineFacts } from './engine/facts.ts'
import { engineName, fullReference, labels, pauseContainer } from './names.ts'

/** What the body needs besides the spec. */
export interface BodyContext {
  readonly sandbox: SandboxSpec
  /** The sandbox's folder, e.g. `/run/dunlin/pods/UID`. */
  readonly folder: string
  /** A file that is bound to the termination message path. */
  readonly terminationFile: string
  readonly logPath: string
  readonly cgroupParent: string
  readonly facts: Pick<MachineFacts, 'hasSysResource' | 'hasMemoryCgroup' | 'hasSwapCgroup' | 'oomScoreAdj'>
  /** The image's own user, where the spec names a group only. */
  readonly imageUser: string
}

/**
 * The SpecGenerator (libpod API 4.0) of a container: joins the sandbox by path, never restarts by itself, has no
 * health check of the engine's, logs to our file. Fields that 4.3 would ignore are not used.
 *
 * @throws Fault Invalid or Machine where this machine cannot keep what the spec demands
 */
export const containerBody = (spec: ContainerSpec, context: BodyContext): { readonly [field: string]: unknown } => {
  const { sandbox, folder } = context
  return {
    name: engineName(spec),
    image: fullReference(spec.image),
    labels: {
      [labels.namespace]: spec.podNamespace,
      [labels.name]: spec.podName,
      [labels.uid]: spec.podUid,
      [labels.container]: spec.container,
      [labels.specHash]: spec.specHash,
      [labels.attempt]: String(spec.attempt),
      [labels.isInit]: String(spec.isInit),
      [labels.image]: spec.image,
      [labels.cgroupParent]: context.cgroupParent,
      [labels.logMaxBytes]: String(spec.logMaxBytes),
    },
    // k8s: command replaces the entrypoint and with it the image's arguments; args replace the arguments.
    ...(spec.command === undefined || spec.command.length === 0 ? {} : { entrypoint: spec.command }),
    ...(spec.args === undefined || spec.args.length === 0 ? {} : { command: spec.args }),
    ...(spec.workingDir === undefined ? {} : { work_dir: spec.workingDir }),
    env: { HOSTNAME: sandbox.hostname, ...spec.env },
    terminal: spec.tty,
    stdin: spec.stdin,
    restart_policy: 'no',
    healthconfig: { Test: ['NONE'] },
    log_configuration: { driver: 'k8s-file', path: context.logPath },
    ...(spec.stopSignal === undefined ? {} : { stop_signal: signalNumber(spec.stopSignal) }),
    ...namespaces(sandbox, folder, spec.container === pauseContainer),
    use_image_hosts: true,
    use_image_resolve_conf: true,
    mounts: mounts(spec, context),
    cgroup_parent: context.cgroupParent,
    ...resources(spec, context),
    ...security(spec, context),
  }
}

const namespaces = (sandbox: SandboxSpec, folder: string, isPause: boolean) => {
  const at = (name: string) => ({ nsmode: 'path', value: `${folder}/${name}` })
  const host = { nsmode: 'host' }
  return {
    netns: sandbox.hostNetwork ? host : at('net'),
    utsns: sandbox.hostNetwork ? host : at('uts'),
    ipcns: sandbox.hostIPC ? host : at('ipc'),
    // The pause container has a PID namespace of its own: the one that the others join.
    ...(sandbox.hostPID ? { pidns: host } : sandbox.shareProcessNamespace && !isPause ? { pidns: at('pid') } : {}),
  }
}

const mounts = (spec: ContainerSpec, context: BodyContext) => {
  const bind = (source: string, destination: string, ...options: string[]) => ({
    type: 'bind',
    source,
    destination,
    options: ['rbind', ...options],
  })
  const own = [
    bind(context.sandbox.hostIPC ? '/dev/shm' : `${context.folder}/shm`, '/dev/shm', 'rw'),
    bind(`${context.folder}/hosts`, '/etc/hosts', 'rw'),
    bind(`${context.folder}/resolv.conf`, '/etc/resolv.conf', 'rw'),
    bind(`${context.folder}/hostname`, '/etc/hostname', 'rw'),
    bind(context.terminationFile, spec.terminationMessagePath, 'rw'),
  ]
  const asked = spec.mounts.map(mount =>
    bind(mount.source, mount.destination, mount.readOnly ? 'ro' : 'rw', propagation[mount.propagation]),
  )
  // A volume of the pod's own at one of our places wins.
  const taken = new Set(spec.mounts.map(mount => mount.destination))
  return [...own.filter(mount => !taken.has(mount.destination)), ...asked]
}

const propagation = { private: 'rprivate', rslave: 'rslave', rshared: 'rshared' } as const

const resources = (spec: ContainerSpec, context: BodyContext) => {
  const { memoryLimit, cpuShares, cpuQuota, pidsLimit, oomScoreAdj } = spec.resources
  if (memoryLimit !== undefined && !context.facts.hasMemoryCgroup)
    throw new Fault(
      'Machine',
      `container ${spec.container} has a memory limit, but the kernel's memory cgroup is off: add "cgroup_enable=memory" to the kernel's command line (on a Raspberry Pi: /boot/firmware/cmdline.txt) and reboot`,
      { container: spec.container },
    )
  return {
    resource_limits: {
      cpu: { shares: cpuShares, ...(cpuQuota === undefined ? {} : { quota: cpuQuota, period: 100_000 }) },
      // k8s: no swap: the limit of memory and swap together is that of memory.
      ...(memoryLimit === undefined
        ? {}
        : { memory: { limit: memoryLimit, ...(context.facts.hasSwapCgroup ? { swap: memoryLimit } : {}) } }),
      ...(pidsLimit === undefined ? {} : { pids: { limit: pidsLimit } }),
    },
    ...(oomScoreAdj === undefined
      ? {}
      : {
          // Without CAP_SYS_RESOURCE nobody may go below their own score.
          oom_score_adj: context.facts.hasSysResource ? oomScoreAdj : Math.max(oomScoreAdj, context.facts.oomScoreAdj),
        }),
  }
}

const security = (spec: ContainerSpec, context: BodyContext) => {
  const { user, group, supplementalGroups, privileged, readOnlyRoot, capAdd, capDrop } = spec.security
  const name = user === undefined ? context.imageUser.split(':')[0] : String(user)
  const withGroup = group === undefined ? '' : `:${group}`
  return {
    ...(user === undefined && group === undefined ? {} : { user: `${name === '' ? '0' : name}${withGroup}` }),
    ...(supplementalGroups.length === 0 ? {} : { groups: supplementalGroups.map(String) }),
    privileged,
    read_only_filesystem: readOnlyRoot,
    // Podman 5: no tmpfs on /tmp and /run of a read-only root that nobody asked for.
    read_write_tmpfs: false,
    ...(capAdd.length === 0 ? {} : { cap_add: capAdd }),
    ...(capDrop.length === 0 ? {} : { cap_drop: capDrop }),
    no_new_privileges: !spec.security.allowPrivilegeEscalation && !privileged,
    ...(spec.security.seccompUnconfined || privileged ? { seccomp_profile_path: 'unconfined' } : {}),
    ...(spec.security.procUnmasked ? { unmask: ['ALL'] } : {}),
  }
}

/** The engine takes numbers only. */
const signalNumber = (name: string): number => {
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  const number = /^\d+$/.test(name) ? Number(name) : constants.signals[full as NodeJS.Signals]
  if (number === undefined || number < 1 || number > 64)
    throw new Fault('Invalid', `stop signal "${name}" is no signal of Linux: write one such as SIGTERM`, {
      signal: name,
    })
  return number
}
