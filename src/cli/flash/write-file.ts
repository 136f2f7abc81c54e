import { closeSync, constants, copyFileSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { describeError, Fault } from '../../api/fault.ts'
import type { Patch } from './overlay.ts'

/** Large contents are copied in pieces of this size. */
const pieceBytes = 4 * 1024 * 1024

/**
 * Writes a copy of the image `from` with the patches to `target`, which has its name only when it is whole and on the
 * disk.
 *
 * @throws Fault Machine; no half-written file is left
 * @example writeImageFile({ from: 'raspios.img', target: 'barn.img', patches: overlay.patches() })
 */
export const writeImageFile = (of: {
  readonly from: string
  readonly target: string
  readonly patches: readonly Patch[]
}): void => {
  const temporary = `${of.target}.part`
  try {
    // Shares the blocks where the file system can.
    copyFileSync(of.from, temporary, constants.COPYFILE_FICLONE)
    const file = openSync(temporary, 'r+')
    try {
      for (const patch of of.patches) writePatch(file, patch)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, of.target)
  } catch (error) {
    rmSync(temporary, { force: true })
    if (error instanceof Fault) throw error
    throw new Fault('Machine', `${of.target} cannot be written: ${describeError(error)}`, { path: of.target }, error)
  }
}

/** Writes one patch into an open file or device. */
export const writePatch = (file: number, { offset, content }: Patch): void => {
  for (let at = 0; at < content.length; at += pieceBytes) {
    const bytes = content.read(at, Math.min(pieceBytes, content.length - at))
    for (let done = 0; done < bytes.length; )
      done += writeSync(file, bytes, done, bytes.length - done, offset + at + done)
  }
}
