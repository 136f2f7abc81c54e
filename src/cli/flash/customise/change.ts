import type { Source } from '../overlay.ts'

/** What is to become of a file of the boot partition. */
export interface FileChange {
  readonly path: string
  readonly content: string | Source
  /** In a few words, for who asks what will be done. */
  readonly says: string
}

/** What the boot partition is to become. */
export interface Changes {
  readonly files: readonly FileChange[]
  /** A new name of the volume, where the system looks for one. */
  readonly label?: string
}
