import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Programs that the agent starts, wherever it runs. They lie beside it under these names. */
export const agentChildren: { readonly [name: string]: string } = {
  'parts/inventory-child': 'src/agent/node/inventory-child.ts',
  'parts/connect-child': 'src/runtime-podman/sandbox/connect-child.ts',
}

/**
 * Bundles programs of the sources into the empty folder `target`: each in one file, what they load late beside it. Resolves
 * to what went where. They run on Node 18.20 and later.
 *
 * @param entryPoints name in the bundle -> source
 * @example await bundleInto({ target: '/tmp/agent', entryPoints: { 'dunlin-agent': 'src/agent/entry.ts' } })
 */
export const bundleInto = async (of: {
  readonly target: string
  readonly entryPoints: { readonly [name: string]: string }
  readonly plugins?: readonly Plugin[]
  readonly define?: { readonly [name: string]: string }
}): Promise<Metafile> => {
  rmSync(of.target, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { ...of.entryPoints },
    outdir: of.target,
    bundle: true,
    metafile: true,
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    // Debian 12's, on armhf.
    target: 'node18',
    inject: ['scripts/older-node.js'],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    plugins: [...(of.plugins ?? [])],
    // It brings a binary for each architecture, and a device may lack it.
    external: ['@lydell/node-pty'],
    define: { ...of.define },
    // Packages in CommonJS ask for Node's own modules by require.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
  writeFileSync(`${of.target}/package.json`, '{"type":"module"}\n')
  return metafile
}
