import { link, mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises'

/**
 * One act on the file system, the smallest that a power cut can fall between. `sync` makes a file's content durable,
 * `syncFolder` the names in a folder; nothing else does.
 */
export type FileStep =
  | { readonly action: 'write'; readonly path: string; readonly bytes: Uint8Array | string; readonly mode?: number }
  | { readonly action: 'append'; readonly path: string; readonly bytes: Uint8Array | string; readonly mode?: number }
  /** Over the bytes that are there, in their place. */
  | { readonly action: 'overwrite'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly action: 'sync'; readonly path: string }
  | { readonly action: 'rename'; readonly from: string; readonly to: string }
  | { readonly action: 'link'; readonly from: string; readonly to: string }
  | { readonly action: 'symlink'; readonly target: string; readonly path: string }
  | { readonly action: 'remove'; readonly path: string }
  | { readonly action: 'makeFolder'; readonly path: string; readonly mode: number }
  | { readonly action: 'syncFolder'; readonly path: string }

/** Hears of each step before it is made. What it throws is thrown in place of the step. */
export type StepWatcher = (step: FileStep) => void

/** One for each that asked, until it stops; none outside of tests. */
const watchers = new Set<StepWatcher>()

/**
 * For tests: hears of every step that this process is about to make on its own files, to know in which states a power
 * cut can leave them, or to be the disk that is full at one of them. Returns how to stop.
 *
 * @example const stop = watchFileSteps(step => { if (step.action === 'sync') throw new Error('EIO') })
 */
export const watchFileSteps = (watcher: StepWatcher): (() => void) => {
  watchers.add(watcher)
  return () => {
    watchers.delete(watcher)
  }
}

/**
 * Makes one step. This is the only place in the program that writes files of its own.
 *
 * @throws the file system's error
 * @example await takeStep({ action: 'rename', from: 'key.tmp', to: 'key' })
 */
export const takeStep = async (step: FileStep): Promise<void> => {
  for (const watcher of watchers) watcher(step)
  switch (step.action) {
    case 'write':
      return await writeFile(step.path, step.bytes, modeOf(step))
    case 'append':
      return await writeFile(step.path, step.bytes, { flag: 'a', ...modeOf(step) })
    case 'overwrite':
      return await writeFile(step.path, step.bytes, { flag: 'r+' })
    case 'sync':
    case 'syncFolder':
      return await synced(step.path)
    case 'rename':
      return await rename(step.from, step.to)
    case 'link':
      return await link(step.from, step.to)
    case 'symlink':
      return await symlink(step.target, step.path)
    case 'remove':
      return await rm(step.path, { recursive: true, force: true })
    case 'makeFolder':
      return void (await mkdir(step.path, { mode: step.mode }))
  }
}

const modeOf = (step: { readonly mode?: number }): { readonly mode?: number } =>
  step.mode === undefined ? {} : { mode: step.mode }

/** fsync(2) is of the file, whoever wrote to it. */
const synced = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
