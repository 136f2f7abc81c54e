import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Metafile, Plugin } from 'esbuild'
import { bundleInto } from '../bundle-options.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * The command alone as an npm package, for laptops: macOS, Windows, other Linux. No dependency, nothing compiled, no
 * script at its installation. Resolves to the package's path, and what went into it.
 *
 * @example await makeNpmPackage({ work, target: 'dist/packages', version: '0.1.0', seconds }) // dist/packages/dunlin-0.1.0.tgz
 */
export const makeNpmPackage = async (of: {
  readonly work: string
  readonly target: string
  readonly version: string
  readonly seconds: number
}): Promise<{ readonly path: string; readonly metafile: Metafile }> => {
  const tree = join(of.work, 'npm')
  const folder = join(tree, 'package')
  rmSync(tree, { recursive: true, force: true })
  const metafile = await bundleInto({
    target: folder,
    entryPoints: { dunlin: 'src/cli/main.ts' },
    plugins: [elsewhere],
    define: { 'import.meta.main': 'true' },
  })
  mkdirSync(join(folder, 'bin'))
  // npm makes a dunlin.cmd of it on Windows.
  writeFileSync(join(folder, 'bin/dunlin.js'), "#!/usr/bin/env node\nimport '../dunlin.js'\n", { mode: 0o755 })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest(of.version), undefined, 2)}\n`)
  execFileSync('cp', [join(root, 'LICENSE'), join(folder, 'LICENSE')])
  const path = join(of.target, `dunlin-${of.version}.tgz`)
  mkdirSync(of.target, { recursive: true })
  execFileSync('tar', [
    ...['--sort=name', `--mtime=@${of.seconds}`, '--owner=0', '--group=0', '--numeric-owner'],
    ...['-C', tree, '-I', 'gzip -n', '-cf', path, 'package'],
  ])
  return { path, metafile }
}

const manifest = (version: string) => ({
  name: 'dunlin',
  version,
  description: 'The command line of Dunlin: Kubernetes manifests on Raspberry-Pi-class devices, over MQTT',
  license: 'Apache-2.0',
  type: 'module',
  bin: { dunlin: 'bin/dunlin.js' },
  engines: { node: '>=20' },
})

/** Hub and agent run on Linux, from packages of their own: here they say so. */
const elsewhere: Plugin = {
  name: 'elsewhere',
  setup(builder) {
    builder.onResolve({ filter: /\/(run-hub|run-agent|run-first-boot|agent\/main)\.ts$/ }, ({ path }) => ({
      path,
      namespace: 'elsewhere',
    }))
    builder.onLoad({ filter: /.*/, namespace: 'elsewhere' }, () => ({
      contents: `import { Fault } from './src/api/fault.ts'
        const refuse = async () => {
          throw new Fault('Machine', 'this is the command line alone; hub and agent run on Linux, by the Debian packages or archives')
        }
        export { refuse as runHub, refuse as runAgent, refuse as runFirstBoot, refuse as takeDownAgent }`,
      resolveDir: root,
    }))
  },
}
