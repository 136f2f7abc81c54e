import type { Target } from '../../core/services/compile.ts'

/** One place that is listened on: an address, a protocol, a port. */
export interface Listener {
  /** Rejects when the place is taken. */
  start(): Promise<void>
  /** Takes no new client; who is served stays served. Resolves when the place is free. */
  retire(): Promise<void>
  /** Whether somebody is served. */
  readonly isBusy: boolean
  /** Ends what goes to addresses that are gone. */
  drop(isGone: (address: string) => boolean): void
  close(): Promise<void>
}

export interface ListenerOptions {
  readonly address: string
  readonly port: number
  /** Asked for each new client: always by the newest plan. */
  readonly targetsFor: (client: string) => readonly Target[]
  readonly onError: (error: unknown) => void
}
