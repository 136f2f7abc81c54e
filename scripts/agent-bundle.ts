import { chmodSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'
import { agentLauncher } from './agent-launch.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Bundles what ships to a device: the agent in one file, what it loads late beside it, and the program that starts it. A bundle
 * starts sooner than sources and needs no type stripping, which alone costs more memory than the agent. Resolves to what went where.
 *
 * @example await bundleAgent('/tmp/agent') // /tmp/agent/dunlin-agent
 */
export const bundleAgent = async (target: string): Promise<Metafile> => {
  rmSync(target, { recursive: true, force: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      'dunlin-agent': 'src/agent/entry.ts',
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
    plugins: [replace],
    // It brings a binary for each architecture, and a device may lack it.
    external: ['@lydell/node-pty'],
    // Packages in CommonJS ask for Node's own modules by require.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  })
  writeFileSync(`${target}/package.json`, '{"type":"module"}\n')
  writeFileSync(`${target}/dunlin-agent`, agentLauncher)
  chmodSync(`${target}/dunlin-agent`, 0o755)
  for (const name of ['node-pty', 'node-pty-linux-x64', 'node-pty-linux-arm64']) {
    const from = `${root}node_modules/@lydell/${name}`
    if (existsSync(from)) cpSync(from, `${target}/node_modules/@lydell/${name}`, { recursive: true, dereference: true })
  }
  return metafile
}

/** What is imported and never used, in the way we use it: MQTT 3.1.1 on a TLS socket that we open ourselves. */
const replaced: { readonly [name: string]: string } = {
  // The client alone: no WebSocket, no SOCKS proxy, no browser.
  mqtt: "export { default as MqttClient } from 'mqtt/lib/client'",
  // Timers for browsers that put tabs to sleep.
  'worker-timers': 'export const setInterval = undefined, clearInterval = undefined',
  // Topic aliases, of MQTT 5.
  'lru-cache': 'export const LRUCache = undefined',
  // Written nowhere: nobody sees a device's standard error.
  debug: 'module.exports = () => Object.assign(() => {}, { enabled: false })',
  // Node's streams, for browsers.
  'readable-stream': "module.exports = require('node:stream')",
}
const replace: Plugin = {
  name: 'replace',
  setup(builder) {
    const names = new RegExp(`^(${Object.keys(replaced).join('|')})$`)
    builder.onResolve({ filter: names }, ({ path }) => ({ path, namespace: 'replaced' }))
    builder.onLoad({ filter: names, namespace: 'replaced' }, ({ path }) => ({
      contents: replaced[path] ?? '',
      resolveDir: root,
    }))
  },
}
