import type { Log } from '../lib/log.ts'
import type { KubeClient } from './kube-client.ts'

/** One option of a command. `flag`: takes no value. `many`: may be given more than once. */
export interface Option {
  readonly name: string
  readonly short?: string
  readonly value?: string
  readonly many?: boolean
  readonly help: string
}

/** What a command of the CLI is: one file under commands/ exports one. */
export interface Command {
  readonly name: string
  /** One line for the overview. */
  readonly summary: string
  /** e.g. `get KIND [NAME] [options]` */
  readonly usage: string
  readonly examples: readonly { readonly line: string; readonly says: string }[]
  readonly options: readonly Option[]
  /** Resolves to the exit code. Faults end the process with the code of their table row. */
  run(of: Invocation): Promise<number>
}

/** The command line after parsing, and the world it acts in. */
export interface Invocation {
  /** The words after the command's name, as they were given. */
  readonly line: readonly string[]
  readonly words: readonly string[]
  /** Everything after `--`. */
  readonly rest: readonly string[]
  text(option: string): string | undefined
  texts(option: string): readonly string[]
  isSet(option: string): boolean
  /** The API as the kubeconfig says, made when first asked for. */
  kube(): Promise<KubeClient>
  readonly out: Output
  readonly env: NodeJS.ProcessEnv
  readonly log: Log
  readonly signal: AbortSignal
  readonly now: () => number
}

export interface Output {
  write(text: string | Uint8Array): void
  /** Resolves when the reader of standard output has caught up. */
  drained(): Promise<void>
  /** Notes for people, on standard error. */
  note(text: string): void
  readonly isTerminal: boolean
  readonly columns: number
}
