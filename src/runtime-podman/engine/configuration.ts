import type { EnginePaths, EngineStore } from '../settings.ts'
import type { MachineFacts } from './facts.ts'

/** What was found to work on this machine. */
export interface FoundEngine {
  readonly ociRuntime: string
  readonly ociRuntimePath: string
  readonly driver: string
}

/** Kubernetes' default set (containerd); Podman's own lacks the last four. */
const capabilities =
  'CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT AUDIT_WRITE MKNOD NET_RAW'.split(
    ' ',
  )

/** As high as containerd gives, where the machine lets us. */
const mostFiles = 1_048_576

/**
 * containers.conf(5), ours alone: cgroups by file (the same paths with and without systemd), no events, locks
 * in files of our own, limits that need no privilege that we lack. The monitor of a command in a container stays only as
 * long as its exit code is asked for: five minutes otherwise.
 */
export const containersConf = (found: Omit<FoundEngine, 'driver'>, facts: MachineFacts, paths: EnginePaths): string => {
  const bound = (hard: number): number => (facts.hasSysResource ? mostFiles : Math.min(hard, mostFiles))
  const files = bound(facts.hardLimits.files)
  const processes = bound(facts.hardLimits.processes)
  return `[containers]
default_capabilities = ${toml(capabilities)}
default_sysctls = []
default_ulimits = ${toml([`nofile=${files}:${files}`, `nproc=${processes}:${processes}`])}
http_proxy = false
log_size_max = -1
pids_limit = 0

[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
exit_command_delay = 10
image_copy_tmp_dir = ${JSON.stringify(`${paths.home}/tmp`)}
lock_type = "file"
runtime = ${JSON.stringify(found.ociRuntime)}

[engine.runtimes]
${found.ociRuntime} = ${toml([found.ociRuntimePath])}
`
}

/** containers-storage.conf(5). `images` is a second store that is only read. */
export const storageConf = (store: EngineStore, driver: string, images?: EngineStore): string => `[storage]
driver = ${JSON.stringify(driver)}
graphroot = ${JSON.stringify(store.graphRoot)}
runroot = ${JSON.stringify(store.runRoot)}

[storage.options]
additionalimagestores = ${toml(images === undefined ? [] : [images.graphRoot])}
`

/** containers-registries.conf(5): short names mean what they mean in Kubernetes. */
export const registriesConf = `unqualified-search-registries = ["docker.io"]
short-name-mode = "disabled"
`

/** containers-policy.json(5). Who may name an image is the API's business, not the engine's. */
export const policyJson = '{"default":[{"type":"insecureAcceptAnything"}]}\n'

/** The environment of every engine process: a short one, of ours. Proxies are for pulls. */
export const engineEnvironment = (
  store: EngineStore,
  paths: EnginePaths,
  outer: NodeJS.ProcessEnv,
): { readonly [name: string]: string } => {
  const kept = Object.entries(outer).filter(([name]) =>
    /^(https?_proxy|no_proxy|ssl_cert_file|ssl_cert_dir)$/i.test(name),
  )
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: paths.home,
    CONTAINERS_CONF: paths.containersConf,
    CONTAINERS_STORAGE_CONF: store.storageConf,
    CONTAINERS_REGISTRIES_CONF: paths.registriesConf,
    PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
    ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ''])),
  }
}

const toml = (words: readonly string[]): string => `[${words.map(word => JSON.stringify(word)).join(', ')}]`
