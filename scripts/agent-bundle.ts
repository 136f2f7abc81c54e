import { chmodSync, cpSync, existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Metafile, Plugin } from 'esbuild'
import { agentFlags, agentLauncher } from './agent-launch.ts'
import { agentChildren, bundleInto } from './bundle-options.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Bundles what ships to a device: the agent in one file, what it loads late beside it, and the program that starts it. A bundle
 * starts sooner than sources and needs no type stripping, which alone costs more memory than the agent. Resolves to what went where.
 *
 * @example await bundleAgent('/tmp/agent') // /tmp/agent/dunlin-agent
 */
export const bundleAgent = async (target: string): Promise<Metafile> => {
  const metafile = await bundleInto({
    target,
    entryPoints: { 'dunlin-agent': 'src/agent/entry.ts', ...agentChildren },
    plugins: [replace],
  })
  writeFileSync(`${target}/dunlin-agent`, agentLauncher(agentFlags))
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
