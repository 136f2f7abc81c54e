import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles hub and CLI into `target`: one program, what it loads late beside it, and the programs that it starts. Resolves
 * to what went where.
 *
 * @example await bundleProgram('/tmp/program') // node /tmp/program/dunlin.js version
 */
export const bundleProgram = async (target: string): Promise<Metafile> => {
  rmSync(target, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      dunlin: 'src/cli/main.ts',
      'parts/sqlite-worker': 'src/hub/store/sqlite-worker.ts',
      'parts/inventory-child': 'src/agent/node/inventory-child.ts',
      'parts/connect-child': 'src/runtime-podman/sandbox/connect-child.ts',
    },
    outdir: target,
    bundle: true,
    metafile: true,
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    external: ['@lydell/node-pty'],
    // Node 20 does not know it; of the sources only the program's own file asks.
    define: { 'import.meta.main': 'true' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
  writeFileSync(`${target}/package.json`, '{"type":"module"}\n')
  return metafile
}
