import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { Pod } from '../../src/api/types.ts'
import { kubeconfig } from '../../src/hub/identity/kubeconfig.ts'
import { fakePodStreams } from '../fakes/pod-streams.ts'
import { folderOf } from '../support/folder-of.ts'
import { startKit } from '../support/rest.ts'
import { streamsOfClientNode } from './clients/streams-of-client-node.ts'

const program = fileURLToPath(new URL('clients/streams.py', import.meta.url))

/** The real REST server, and a pod whose processes run in a folder of the test's. */
const startPod = async (t: Test) => {
  const folder = folderOf(t)
  const streams = fakePodStreams(folder)
  streams.main = ['sh', '-c', 'while true; do echo tick; sleep 0.1; done']
  const web = createServer((_request, response) => response.end('hello'))
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  t.teardown(() => web.close())
  streams.ports.set(8080, (web.address() as AddressInfo).port)
  const lines = ['tick 1\n', 'tick 2\n']
  const kit = await startKit(t, {
    streams,
    logs: {
      async open(_pod, _container, options) {
        const text = lines
          .slice(-(options.tailLines ?? lines.length))
          .join('')
          .slice(0, options.limitBytes)
        return bytes(options.timestamps ? `2026-01-02T03:04:05.000000000Z ${text}` : text)
      },
    },
  })
  const { keys, url } = kit
  const path = join(folder, 'kubeconfig')
  const of = { fleet: keys.fleet, server: url, ca: keys.ca.pem, user: 'admin', credentials: keys.admin }
  writeFileSync(path, kubeconfig(of), { mode: 0o600 })
  const key = { namespace: 'default', name: 'web' }
  const spec = { nodeName: 'n1', containers: [{ name: 'web', image: 'web:1' }] }
  await kit.objects.create<Pod>('Pod', { metadata: key, spec })
  return { ...kit, streams, kubeconfig: path }
}

async function* bytes(text: string) {
  yield Buffer.from(text)
}

t.test('Python’s client: exec, port-forward and logs', async t => {
  const { kubeconfig } = await startPod(t)
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [program, kubeconfig, 'web', 'web', '8080'], {
    timeout: 60_000,
  })
  t.match(JSON.parse(stdout), {
    exec: 'a b c\n',
    out: 'out\n',
    err: 'err\n',
    code: 7,
    heard: 'heard you\n',
    closed: true,
    forward: /200 OK[\s\S]*hello$/,
    forward_error: null,
    log: 'tick 1\ntick 2\n',
    tail: 'tick 2\n',
    limit: 'tick ',
    timestamps: /^2026-01-02T03:04:05.*Z tick 2/,
  })
})

t.test('the JavaScript client: exec, attach, port-forward and logs', async t => {
  const { kubeconfig } = await startPod(t)
  t.match(await streamsOfClientNode({ kubeconfig, pod: 'web', container: 'web', httpPort: 8080 }), {
    exec: 'a b c\n',
    out: 'out\n',
    err: 'err\n',
    code: '7',
    cat: 'typed',
    attached: /tick/,
    forward: /200 OK[\s\S]*hello/,
    log: 'tick 1\ntick 2\n',
    tail: 'tick 2\n',
  })
})
