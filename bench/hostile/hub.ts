import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { groups } from '../../src/hub/identity/caller.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { ask } from '../../test/hub/a-whole-hub.ts'
import { type ReadFamily, readExposition } from '../../test/support/exposition.ts'
import type { Credentials, Target } from './sockets.ts'

/** A hub as it ships, in a process of its own. */
export interface AttackedHub {
  readonly pid: number
  readonly target: Target
  readonly admin: Credentials
  readonly hasEnded: () => boolean
  joinToken(): Promise<string>
  scrape(): Promise<ReadonlyMap<string, ReadFamily>>
  close(): Promise<void>
}

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Starts it in the folder, with what the attackers need: a node, a reader, a user, and large objects to ask for. */
export const attackedHub = async (folder: string): Promise<AttackedHub> => {
  const words = ['hub', '--data', `${folder}/hub`, '--host', '127.0.0.1', '--advertise', '127.0.0.1']
  const child = spawn(process.execPath, [program, ...words, '--port', '0', '--mqtt-port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  })
  let hasEnded = false
  child.once('exit', () => {
    hasEnded = true
  })
  const up = await firstLine(child.stderr, line => line['message'] === 'the hub is up')
  child.stderr.resume()
  const apiPort = Number((up['api'] as readonly string[])[0]?.split(':').at(-1))
  const read = (name: string): string => readFileSync(`${folder}/hub/keys/${name}`, 'utf8')
  const ca = read('ca.crt')
  const admin = { certificate: read('admin.crt'), key: read('admin.key') }
  const asAdmin = (method: string, path: string, body?: unknown) =>
    ask({ port: apiPort, ca, by: admin, method, path, body })
  const joinToken = async (): Promise<string> =>
    String((await asAdmin('POST', '/dunlin/v1/join-tokens', {})).body['token'])

  const keys = await openKeys(`${folder}/hub/keys`, { now: Date.now, randomBytes, names: ['127.0.0.1'] })
  const client = (name: string, of: readonly string[]): Credentials =>
    keys.makeClient({ name, groups: of, notAfter: new Date(Date.now() + 86_400_000) })
  const name = 'mallory'
  const identity = await openIdentity({ stateFolder: `${folder}/${name}` })
  const { signal } = new AbortController()
  await enrol(identity, { nodeName: name, hostName: name, arch: 'amd64', labels: {}, signal, token: await joinToken() })
  const own = identity.tls()

  await asAdmin('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'hostile' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'eve' }],
  })
  await asAdmin('POST', '/api/v1/namespaces', { metadata: { name: 'hostile' } })
  for (let count = 0; count < 20; count += 1) {
    const data = { text: 'x'.repeat(200_000) }
    await asAdmin('POST', '/api/v1/namespaces/hostile/configmaps', { metadata: { name: `large-${count}` }, data })
  }

  return {
    pid: child.pid ?? 0,
    target: {
      apiPort,
      mqttPort: Number(up['mqttPort']),
      fleet: keys.fleet,
      ca,
      node: { name, certificate: String(own.cert), key: String(own.key) },
      reader: client('reader', [groups.telemetry]),
      user: client('eve', ['gardeners']),
    },
    admin,
    hasEnded: () => hasEnded,
    joinToken,
    async scrape() {
      const answer = await asAdmin('GET', '/metrics')
      if (answer.status !== 200) throw new Error(`/metrics: ${answer.status} ${answer.text}`)
      return readExposition(answer.text)
    },
    async close() {
      if (hasEnded) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await once(child, 'exit')
      clearTimeout(timer)
    },
  }
}

const firstLine = async (
  from: NodeJS.ReadableStream,
  is: (line: { readonly [fact: string]: unknown }) => boolean,
): Promise<{ readonly [fact: string]: unknown }> => {
  for await (const text of createInterface({ input: from })) {
    const line: { readonly [fact: string]: unknown } = JSON.parse(text)
    if (is(line)) return line
  }
  throw new Error('the hub did not come up')
}
