import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Leaves no byte free on the file system of a folder, until what it returns is called. */
export const fillDisk = (folder: string): (() => void) => {
  const path = join(folder, 'filler')
  const file = openSync(path, 'w')
  try {
    // Large pieces first; the last page is found by small ones.
    for (const size of [1024 * 1024, 4096, 1]) {
      const piece = Buffer.alloc(size, 1)
      while (isWritten(file, piece));
    }
  } finally {
    closeSync(file)
  }
  return () => rmSync(path, { force: true })
}

const isWritten = (file: number, piece: Buffer): boolean => {
  try {
    return writeSync(file, piece) === piece.length
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
