/** A terminal's size in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** What of a process is wanted. With `tty` it has one output, and that is `stdout`. */
export interface ProcessOptions {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly size?: TerminalSize
}

/**
 * A process of this machine that somebody talks to. What nobody reads of it stops it from writing more: at most some
 * hundred KiB wait here. Both outputs must be read, or left by `return`.
 */
export interface RunningProcess {
  readonly stdin: {
    /** Resolves when there is room for more. What comes after the process closed its input is thrown away. */
    write(bytes: Uint8Array): Promise<void>
    end(): void
  }
  readonly stdout: AsyncIterable<Uint8Array>
  /** Ends at once where there is a terminal, or where it was not asked for. */
  readonly stderr: AsyncIterable<Uint8Array>
  /** Of its terminal; nothing happens where it has none or has ended. */
  resize(size: TerminalSize): Promise<void>
  /** How it ended: 128 and the signal where one killed it. Rejects with a Fault where nobody can say. */
  readonly exitCode: Promise<number>
  /** Ends it, and all that it started: the one who talked to it is gone. Idempotent. Resolves when it is gone. */
  close(): Promise<void>
}
