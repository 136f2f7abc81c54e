import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, textAt } from '../../src/cli/shown.ts'
import { engineEnvironment } from '../../src/runtime-podman/engine/configuration.ts'
import { cardStore, enginePaths } from '../../src/runtime-podman/settings.ts'

/** How a node's own engine is asked from its shell, beside the agent: program, words and environment. */
export interface EngineCli {
  readonly words: readonly string[]
  readonly env: { readonly [name: string]: string }
}

/** @param of.stateFolder the agent's; its engine has been found already @throws what reading its notes throws */
export const engineCli = (of: { readonly stateFolder: string; readonly cgroupParent: string }): EngineCli => {
  const found: unknown = JSON.parse(readFileSync(join(of.stateFolder, 'engine/engine.json'), 'utf8'))
  const settings = {
    engine: { stateFolder: join(of.stateFolder, 'engine'), cgroupParent: of.cgroupParent },
    runFolder: '/run/dunlin',
  }
  const store = cardStore(settings, textAt(at(found), 'driver') ?? 'overlay')
  return {
    words: ['podman', '--log-level=error', '--tmpdir', store.tmpDir],
    env: engineEnvironment(store, enginePaths(settings), {}),
  }
}
