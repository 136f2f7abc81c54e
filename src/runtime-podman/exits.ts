import { existsSync, type FSWatcher, mkdirSync, watch } from 'node:fs'

/*
 *   conmon writes <tmpDir>/exits/<engine id> ──inotify──> ended(id)     (3 ms after the end)
 *   every 10 s: look(), for what no file tells of: a dead monitor
 */

export interface Exits {
  /** Calls `act` with the engine id of every container that ends. Returns how to stop listening. */
  onEnd(act: (engineId: string) => void): () => void
  close(): void
}

/**
 * Watches conmon's exit files. A file is only a hint: who hears it looks at the engine.
 */
export const watchExits = (tmpDir: string): Exits => {
  const folder = `${tmpDir}/exits`
  const listeners = new Set<(engineId: string) => void>()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  /** Ends that were told while their file was there: its going is no news. */
  const told = new Set<string>()
  const watcher: FSWatcher = watch(folder, (_event, name) => {
    // conmon writes `<id>.<random>` first and renames it; podman removes the file when it has read it, which may be
    // before we hear of either.
    if (name === null || !/^[0-9a-f]{64}$/.test(name)) return
    const isThere = existsSync(`${folder}/${name}`)
    if (!isThere && told.delete(name)) return
    if (isThere) told.add(name)
    for (const act of listeners) act(name)
  })
  // The folder is ours and stays; were it taken away, the slow look still finds every end.
  watcher.on('error', () => watcher.close())
  return {
    onEnd(act) {
      listeners.add(act)
      return () => void listeners.delete(act)
    },
    close() {
      watcher.close()
      listeners.clear()
    },
  }
}
