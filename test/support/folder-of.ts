import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * An empty folder of the test's own. It goes after everything that the test lets end later, so that nothing writes into
 * it while it goes: ask for it first. Its path is short enough for sockets.
 */
export const folderOf = (t: { teardown(act: () => Promise<void>): void }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'dunlin-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
