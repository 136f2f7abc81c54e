import type { ByteConnection } from '../../lib/byte-connection.ts'
import type { ProcessOptions, RunningProcess } from './running-process.ts'

/**
 * The container runtime port: what the agent asks of a container engine. The Podman client and the fake obey
 * one contract suite. Nothing that does not carry our label is ever seen or touched.
 * A container never changes: a changed spec is a new container.
 */
export interface PodRuntime {
  /** Whether the engine answers, and what it is. Starts it when it starts on demand. */
  describe(): Promise<RuntimeDescription>
  /** All our sandboxes and containers, as the engine, the cgroups and /proc show them now. */
  observe(): Promise<readonly ObservedPod[]>
  /** One pod of ours, or undefined where nothing of it is there. */
  observePod(uid: string): Promise<ObservedPod | undefined>

  /** Makes the pod's namespaces, /dev/shm, hosts and resolv.conf. Idempotent. */
  makeSandbox(sandbox: SandboxSpec): Promise<Sandbox>
  /** Writes the pod's hosts and resolv.conf anew (addresses are known only after the network is attached). */
  writeSandboxFiles(uid: string, files: SandboxFiles): Promise<void>
  /** Takes the sandbox away, whole. Idempotent. Containers must be gone before. */
  removeSandbox(uid: string): Promise<void>

  /** Creates the container unless it is there; does not start it. */
  createContainer(container: ContainerSpec): Promise<void>
  /** Idempotent: a running or ended container is left alone. */
  startContainer(id: ContainerRef): Promise<void>
  /** SIGTERM (or the image's stop signal), then SIGKILL after `graceSeconds`. Resolves when it has ended. Idempotent. */
  stopContainer(id: ContainerRef, graceSeconds: number): Promise<void>
  /** Removes the container, by force. Idempotent. */
  removeContainer(id: ContainerRef): Promise<void>

  /** The image by reference, or undefined where it is not there. Never pulls. */
  image(reference: string): Promise<ObservedImage | undefined>
  images(): Promise<readonly ObservedImage[]>
  pullImage(
    reference: string,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<ObservedImage>
  /** Loads a docker or OCI archive from a file of this machine. */
  loadImage(archivePath: string): Promise<readonly ObservedImage[]>
  removeImage(id: string): Promise<void>

  /** Runs a command in a running container, its output cut at 16 KiB. For probes and hooks: writes nothing to disk. */
  exec(id: ContainerRef, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  /**
   * Starts a command in a running container, for somebody to talk to. One that cannot be found ends with 126 or 127 and
   * says so on its standard error.
   */
  openExec(
    id: ContainerRef,
    request: ProcessOptions & { readonly command: readonly string[] },
    signal: AbortSignal,
  ): Promise<RunningProcess>
  /** The first process of a running container, from now on. `close` leaves it alone; `tty` is as the container was made. */
  attach(id: ContainerRef, options: ProcessOptions, signal: AbortSignal): Promise<RunningProcess>
  /** A tar archive of a path of the container, links resolved inside it; the first name is the path's last part. */
  copyOut(id: ContainerRef, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** Unpacks a tar archive in a folder of the container that is there. What was unpacked before a failure stays. */
  copyIn(id: ContainerRef, path: string, archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>
  /** Connects to a port of the loopback interface of the pod's network. */
  connect(podUid: string, port: number, signal: AbortSignal): Promise<ByteConnection>
  /** Chunks of the container's log as it was written; ends when the container has ended, or at once without `follow`. */
  logs(id: ContainerRef, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>
  /** Usage now, from cgroup files and /proc, of all running containers. */
  usage(): Promise<readonly ContainerUsage[]>

  /** Calls `wake(uid)` when a container of that pod has ended. Returns how to stop listening. */
  onExit(wake: (podUid: string) => void): () => void
  /** Sweeps what killed engines and agents left of ours; `keep` are the pod uids that are desired or observed. */
  sweep(keep: ReadonlySet<string>): Promise<readonly string[]>
  /** Takes away everything of ours but images: containers, sandboxes, mounts, the engine's service. The last call of all. */
  takeDown(): Promise<void>
  close(): Promise<void>
}

export interface RuntimeDescription {
  readonly name: string
  readonly version: string
  /** e.g. `podman://4.3.1` */
  readonly containerRuntimeVersion: string
  readonly storeMode: 'disk' | 'memory'
}

/** A container is identified by pod uid, name, spec hash and attempt; its name in the engine derives from them. */
export interface ContainerRef {
  readonly podUid: string
  readonly container: string
  readonly attempt: number
}

export interface SandboxSpec {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostIPC: boolean
  readonly hostPID: boolean
  readonly shareProcessNamespace: boolean
  readonly shmBytes?: number
  readonly sysctls: { readonly [name: string]: string }
}

export interface SandboxFiles {
  /** Whole text of /etc/hosts and /etc/resolv.conf. Absent: the host's own. */
  readonly hosts?: string
  readonly resolvConf?: string
}

export interface Sandbox {
  readonly uid: string
  /** Absent for hostNetwork pods. */
  readonly netnsPath?: string
}

/** Everything the runtime needs of one container, already resolved: no reference to a ConfigMap or Secret is left. */
export interface ContainerSpec extends ContainerRef {
  readonly podNamespace: string
  readonly podName: string
  readonly specHash: string
  readonly isInit: boolean
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly workingDir?: string
  readonly env: { readonly [name: string]: string }
  readonly mounts: readonly ContainerMount[]
  readonly tty: boolean
  readonly stdin: boolean
  readonly resources: {
    /** Hard limit, bytes. */
    readonly memoryLimit?: number
    /** Weight, 2 to 262144 (1024 per CPU requested). */
    readonly cpuShares: number
    /** Microseconds of CPU a period of 100,000. */
    readonly cpuQuota?: number
    readonly pidsLimit?: number
    readonly oomScoreAdj?: number
  }
  readonly security: {
    readonly privileged: boolean
    readonly readOnlyRoot: boolean
    readonly user?: number
    readonly group?: number
    readonly supplementalGroups: readonly number[]
    readonly mustRunAsNonRoot: boolean
    readonly capAdd: readonly string[]
    readonly capDrop: readonly string[]
    readonly allowPrivilegeEscalation: boolean
    readonly seccompUnconfined: boolean
    /** Unmask /proc. */
    readonly procUnmasked: boolean
  }
  readonly terminationMessagePath: string
  readonly stopSignal?: string
  readonly logMaxBytes: number
}

export interface ContainerMount {
  readonly source: string
  readonly destination: string
  readonly readOnly: boolean
  readonly propagation: 'private' | 'rslave' | 'rshared'
}

export interface ObservedPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** Whether the sandbox is there, whole. */
  readonly sandbox?: Sandbox
  readonly containers: readonly ObservedContainer[]
}

export interface ObservedContainer extends ContainerRef {
  /** The engine's id. */
  readonly engineId: string
  readonly specHash: string
  readonly image: string
  readonly imageId: string
  /** `lost`: the engine says running, but its process or its monitor is gone; remove by force, exit code unknown. */
  readonly state: 'created' | 'running' | 'exited' | 'lost'
  /** RFC 3339 */
  readonly createdAt?: string
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly exitCode?: number
  readonly oomKilled: boolean
  readonly signal?: number
  readonly pid?: number
  /** What the container wrote to its termination message file, at most 4096 bytes. Only when exited. */
  readonly terminationMessage?: string
  /** Error text of the engine when it could not start. */
  readonly error?: string
}

export interface ObservedImage {
  readonly id: string
  readonly names: readonly string[]
  readonly digests: readonly string[]
  readonly bytes: number
}

export interface RegistryCredentials {
  readonly username: string
  readonly password: string
}

export interface ExecResult {
  readonly exitCode: number
  readonly output: string
  readonly timedOut: boolean
}

export interface LogOptions {
  readonly follow: boolean
  readonly tailLines?: number
  /** RFC 3339 */
  readonly sinceTime?: string
  readonly limitBytes?: number
}

export interface LogLine {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** With its newline, unless the container wrote none. */
  readonly text: Buffer
}

export interface ContainerUsage extends ContainerRef {
  /** Nanoseconds of CPU since start. */
  readonly cpuNanos: number
  /** Working set, bytes: usage without inactive file pages. */
  readonly memoryBytes: number
  readonly pids: number
  readonly diskReadBytes: number
  readonly diskWriteBytes: number
  readonly oomKills: number
}
