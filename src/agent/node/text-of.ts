import { readFile } from 'node:fs/promises'

/** What a file answers that this machine has not, or does not let us read. */
const unsaid = new Set(['ENOENT', 'EACCES', 'EPERM', 'ENODEV', 'EINVAL', 'EIO', 'ENODATA', 'EISDIR', 'ENOTDIR'])

/** The file's text, or undefined where it is not there or cannot be read: this machine does not say. */
export const textOf = async (path: string): Promise<string | undefined> => {
  try {
    return (await readFile(path, 'utf8')).slice(0, 1_000_000)
  } catch (error) {
    if (unsaid.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
