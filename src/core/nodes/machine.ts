/** What a look at the machine found. Bytes and counts; what cannot be read here is absent. */
export interface MachineReading {
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number }
  readonly cpus: number
  /** The file system that holds the agent's state and the images. */
  readonly disk: {
    readonly totalBytes: number
    readonly availableBytes: number
    readonly inodes: number
    readonly freeInodes: number
  }
  readonly pids: { readonly most: number; readonly inUse: number }
  readonly temperatureCelsius?: number
  /** Raspberry Pi firmware's bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft temperature limit; +16: since boot. */
  readonly throttled?: number
  /** Whether memory limits of containers are enforced; the Pi's firmware switches them off by default. */
  readonly hasMemoryCgroup: boolean
  /** Busy time of all CPUs since boot, nanoseconds. */
  readonly cpuNanos: number
  readonly uptimeSeconds: number
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number }
}

/** What stays the same for a boot. */
export interface MachineIdentity {
  readonly hostname: string
  readonly architecture: string
  readonly bootID: string
  readonly machineID: string
  readonly kernelVersion: string
  readonly osImage: string
  /** e.g. `Raspberry Pi 4 Model B Rev 1.4`. */
  readonly model?: string
  /** CAP_SYS_RESOURCE. */
  readonly canProtectFromOom: boolean
}
