import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../api/fault.ts'

/** One file of manifests as it lies there: the hub parses and judges it, strictly. */
export interface ManifestFile {
  readonly path: string
  readonly text: string
}

const mostBytes = 3 * 1024 * 1024
const endings = ['.yaml', '.yml', '.json']

/**
 * Reads what `-f` names: files, folders (their .yaml, .yml and .json files, in name order) and `-`.
 *
 * @throws Fault BadRequest that names the path and what is wrong with it
 */
export const readManifests = async (
  paths: readonly string[],
  stdin: AsyncIterable<unknown>,
): Promise<readonly ManifestFile[]> => {
  const files: ManifestFile[] = []
  for (const path of paths) {
    if (path === '-') files.push({ path: 'standard input', text: await readStream(stdin) })
    else files.push(...(await readPath(path)))
  }
  if (files.length === 0)
    throw new Fault(
      'BadRequest',
      `no manifest in ${paths.join(', ')}: expected files that end in ${endings.join(', ')}`,
    )
  return files
}

const readPath = async (path: string): Promise<readonly ManifestFile[]> => {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Fault(
      'BadRequest',
      `cannot read ${path}: ${error.code === 'ENOENT' ? 'there is no such file or folder' : error.message}`,
      { path },
      error,
    )
  })
  if (!found.isDirectory()) {
    if (found.size > mostBytes)
      throw new Fault('BadRequest', `${path} has ${found.size} bytes; a manifest may have ${mostBytes}`)
    return [{ path, text: await readFile(path, 'utf8') }]
  }
  const names = (await readdir(path)).filter(name => endings.some(ending => name.endsWith(ending))).toSorted()
  return (await Promise.all(names.map(name => readPath(join(path, name))))).flat()
}

const readStream = async (stream: AsyncIterable<unknown>): Promise<string> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
    length += bytes.length
    if (length > mostBytes)
      throw new Fault('BadRequest', `standard input has more than ${mostBytes} bytes; a manifest may have ${mostBytes}`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}
