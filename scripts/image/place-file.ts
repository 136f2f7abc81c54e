import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file of the image that no package brings. */
export interface SystemFile {
  readonly path: string
  readonly text: string
  /** Permission bits; 0o644 unless said. */
  readonly mode?: number
}

/** Puts the file below `tree`, with the folders above it. */
export const placeFile = (tree: string, file: SystemFile): void => {
  const target = join(tree, file.path)
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, file.text)
  chmodSync(target, file.mode ?? 0o644)
}
