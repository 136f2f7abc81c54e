import type { BoardFacts, BoardReading } from './board.ts'

/** What a look at the machine found. Bytes and counts; what cannot be read here is absent. */
export interface MachineReading extends BoardReading {
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
  readonly board: BoardFacts
  /** CAP_SYS_RESOURCE. */
  readonly canProtectFromOom: boolean
}
