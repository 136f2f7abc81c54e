import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../api/fault.ts'
import type { PodRuntime } from '../core/pods/runtime.ts'
import { readIfThere, writeDurably } from '../lib/durable-file.ts'
import type { Log } from '../lib/log.ts'

/** Archives looked at in the folder; more are told of and left alone. */
const mostArchives = 64

/**
 * Loads the image archives (.tar) of a folder into the engine, each once: pods then need no registry. An archive that
 * has changed is loaded again. One that cannot be read is told of, and keeps nothing else from starting.
 */
export const preloadImages = async (of: {
  readonly folder: string
  readonly runtime: PodRuntime
  /** Where it is remembered what was loaded. */
  readonly stateFolder: string
  readonly log: Log
}): Promise<void> => {
  const memoryPath = join(of.stateFolder, 'preloaded-images.json')
  const names = (await namesIn(of)).filter(name => name.endsWith('.tar')).toSorted()
  if (names.length > mostArchives)
    of.log.warn('the folder holds too many image archives', {
      folder: of.folder,
      found: names.length,
      most: mostArchives,
    })
  const known = parseKnown(await readIfThere(memoryPath))
  const now = new Map<string, string>()
  for (const name of names.slice(0, mostArchives)) {
    const path = join(of.folder, name)
    const { size, mtimeMs } = await stat(path)
    const mark = `${size} ${Math.round(mtimeMs)}`
    if (known.get(name) === mark) {
      now.set(name, mark)
      continue
    }
    try {
      const images = await of.runtime.loadImage(path)
      of.log.info('an image archive was loaded', { path, images: images.flatMap(one => one.names) })
      now.set(name, mark)
    } catch (error) {
      of.log.error('an image archive could not be loaded', { path, why: describeError(error) })
    }
  }
  const text = JSON.stringify(Object.fromEntries(now))
  if (text !== JSON.stringify(Object.fromEntries(known))) await writeDurably(memoryPath, text)
}

/** A folder that is gone, on a card that is not mounted, keeps no pod from starting. */
const namesIn = async (of: { readonly folder: string; readonly log: Log }): Promise<readonly string[]> => {
  try {
    return await readdir(of.folder)
  } catch (error) {
    of.log.error('the folder of image archives cannot be read', { folder: of.folder, why: describeError(error) })
    return []
  }
}

/** What was loaded before: file name -> its size and time. Anything unreadable counts as nothing. */
const parseKnown = (bytes: Buffer | undefined): ReadonlyMap<string, string> => {
  if (bytes === undefined) return new Map()
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value !== 'object' || value === null) return new Map()
    return new Map(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  } catch {
    // A torn file means that archives are loaded once more, which changes nothing.
    return new Map()
  }
}
