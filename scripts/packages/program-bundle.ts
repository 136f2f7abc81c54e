import type { Metafile } from 'esbuild'
import { agentChildren, bundleInto } from '../bundle-options.ts'

/**
 * Bundles hub and CLI into `target`: one program, what it loads late beside it, and the programs that it starts. Resolves
 * to what went where.
 *
 * @example await bundleProgram('/tmp/program') // node /tmp/program/dunlin.js version
 */
export const bundleProgram = (target: string): Promise<Metafile> =>
  bundleInto({
    target,
    entryPoints: {
      dunlin: 'src/cli/main.ts',
      'parts/sqlite-worker': 'src/hub/store/sqlite-worker.ts',
      ...agentChildren,
    },
    // Node 20 does not know it; of the sources only the program's own file asks.
    define: { 'import.meta.main': 'true' },
  })
