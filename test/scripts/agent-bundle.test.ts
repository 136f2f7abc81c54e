import t from 'tap'
import { bundleAgent } from '../../scripts/agent-bundle.ts'
import { folderOf } from '../support/folder-of.ts'

/*
 * Everything that an idle agent holds in memory, and why. What is not in these tables is not loaded; a new entry is a choice
 * that somebody must write down here.
 */

const packages: { readonly [name: string]: string } = {
  mqtt: 'the connection to the hub: sessions, acknowledgements, keep alive',
  'mqtt-packet': 'of mqtt: packets as bytes',
  bl: 'of mqtt-packet: bytes that came in pieces',
  inherits: 'of bl',
  'process-nextick-args': 'of mqtt-packet',
  rfdc: 'of mqtt: a copy of a packet',
}

/** Packages of which nothing but a stand-in is there. */
const standIns: readonly string[] = ['debug', 'lru-cache', 'mqtt', 'readable-stream', 'worker-timers']

const ours: { readonly [folder: string]: string } = {
  'src/agent': 'the agent itself, its settings, report and telemetry',
  'src/agent/first-boot': 'whether a card still has something to be taken over or erased: one file is looked for',
  'src/agent/identity': 'its keys, for the connection',
  'src/agent/link': 'documents and commands of the hub',
  'src/agent/node': "the machine's conditions and usage",
  'src/agent/pods': 'the loop that keeps pods as desired, probes, volumes, images',
  'src/api': 'errors, and values that are compared',
  'src/core/nodes': 'what a node says of itself',
  'src/core/pods': 'what to do next for a pod, and its status',
  'src/core/services': 'what the network must look like',
  'src/lib': 'queues, clocks, durable files, logs',
  'src/netproxy': 'addresses of pods, and the rules of the kernel',
  'src/netproxy/dns': 'names for pods: asked at any moment',
  'src/netproxy/userspace': 'connections by hand, where the kernel lacks nftables',
  'src/runtime-podman': 'containers',
  'src/runtime-podman/engine': "the engine's service, started when it is needed",
  'src/runtime-podman/logs': 'rotation of logs',
  'src/runtime-podman/sandbox': "a pod's namespaces",
  'src/runtime-podman/streams': "streams of the engine: its client's, used when one is asked for",
  'src/wire': 'envelopes, topics and payloads',
  'src/wire/generated': 'shapes that payloads must have',
}

const builtIns: { readonly [name: string]: string } = {
  buffer: 'of mqtt-packet',
  events: 'of mqtt',
  'node:child_process': 'ip, nft, the OCI runtime, the engine',
  'node:crypto': 'envelopes',
  'node:dgram': 'DNS',
  'node:fs': 'files of /proc, /sys and our own',
  'node:fs/promises': 'the same',
  'node:http': "the engine's API, HTTP probes",
  'node:https': 'documents too large for MQTT, HTTPS probes',
  'node:module': 'the binary that speaks to systemd',
  'node:net': 'TCP probes, DNS by TCP',
  'node:os': 'addresses of the host',
  'node:path': 'paths',
  'node:stream': "the bundle's stand-in for readable-stream",
  'node:stream/promises': 'of the streams of the engine',
  'node:tls': 'the connection to the hub',
  'node:url': 'the place of the program that connects inside a pod',
  'node:util': 'the words of the command line',
  'node:zlib': 'envelopes',
  util: 'of inherits',
}

/** Loaded when it is needed, and by most agents never or once. */
const late: readonly string[] = [
  'src/agent/identity/enrol.ts',
  'src/agent/node/inventory.ts',
  'src/agent/preload-images.ts',
  'src/agent/sessions/serve-sessions.ts',
  'src/agent/take-down.ts',
  'src/api/yaml.ts',
  'src/runtime-podman/streams/archive.ts',
  'src/runtime-podman/streams/attach.ts',
  'src/runtime-podman/streams/open-exec.ts',
]

t.test('what an idle agent has loaded is named, each with its reason', async t => {
  const { outputs } = await bundleAgent(folderOf(t))
  const loaded = new Set<string>()
  const load = (path: string): void => {
    if (loaded.has(path)) return
    loaded.add(path)
    for (const one of outputs[path]?.imports ?? []) if (!one.external && one.kind !== 'dynamic-import') load(one.path)
  }
  load(Object.keys(outputs).find(path => path.endsWith('/dunlin-agent.js')) ?? '')
  const inputs = [...loaded].flatMap(path => Object.keys(outputs[path]?.inputs ?? {}))
  const packageOf = (path: string): string => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? ''
  const own = inputs.filter(path => path.startsWith('src/'))
  const sorted = (of: Iterable<string>): readonly string[] => [...new Set(of)].toSorted()

  t.strictSame(sorted(inputs.map(packageOf).filter(name => name !== '')), sorted(Object.keys(packages)))
  t.strictSame(sorted(inputs.flatMap(path => /^replaced:(.*)$/.exec(path)?.[1] ?? [])), sorted(standIns))
  t.strictSame(sorted(own.map(path => path.replace(/\/[^/]*$/, ''))), sorted(Object.keys(ours)))
  t.strictSame(
    sorted(
      [...loaded].flatMap(path => (outputs[path]?.imports ?? []).filter(one => one.external).map(one => one.path)),
    ),
    sorted(Object.keys(builtIns)),
  )
  t.strictSame(
    own.filter(path => late.includes(path)),
    [],
    'what is needed seldom is not loaded',
  )
  const bundled = Object.values(outputs).flatMap(one => Object.keys(one.inputs))
  t.strictSame(
    late.filter(path => !bundled.includes(path)),
    [],
    'and is there when it is needed',
  )
})
