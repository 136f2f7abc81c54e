import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import type { Test } from 'tap'
import { allKinds } from '../../src/api/kinds.ts'
import type { KubeObject } from '../../src/api/types.ts'
import { groups, nodeUser } from '../../src/hub/identity/caller.ts'
import { type Credentials, type HubKeys, openKeys } from '../../src/hub/identity/keys.ts'
import { openIdentity } from '../../src/hub/identity/open-identity.ts'
import type { Admission, UsageSource } from '../../src/hub/ports.ts'
import type { AuditEntry } from '../../src/hub/rest/audit.ts'
import { bootstrapObjects } from '../../src/hub/rest/bootstrap-objects.ts'
import { type RestOptions, type RestServer, startRest } from '../../src/hub/rest/start-rest.ts'
import { type HubObjects, openObjects } from '../../src/hub/store/open-objects.ts'
import type { Store } from '../../src/hub/store/store.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { NodeUsage } from '../../src/wire/payloads.ts'
import { fakeStore } from '../fakes/store.ts'
import { folderOf } from './folder-of.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. */
  readonly json: { readonly [field: string]: unknown }
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: { readonly [name: string]: string }
  /** Whose certificate to show; default `admin`; `nobody`: none. */
  readonly as?: string
}

export interface RestKit {
  readonly server: RestServer
  /** What the kit gave the server beside objects, identity and port. */
  readonly parts: Pick<
    RestOptions,
    'logs' | 'usage' | 'serviceAccounts' | 'now' | 'clock' | 'log' | 'version' | 'audit'
  >
  readonly objects: HubObjects
  readonly keys: HubKeys
  readonly clock: { now: number }
  readonly usage: Map<string, NodeUsage>
  readonly audit: AuditEntry[]
  readonly url: string
  credentials(user: string): Credentials | undefined
  ask(of: Ask): Promise<Answer>
  /** A watch: its lines as they come, until `stop`. */
  watch(of: Ask): Promise<WatchStream>
}

export interface WatchStream {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The next event. Fails when the stream has ended. */
  next(): Promise<{ readonly type: string; readonly object: KubeObject & { readonly [field: string]: unknown } }>
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>
  /** Stops reading from the connection, as a client that is too slow. */
  pause(): void
  resume(): void
  stop(): void
}

/** Groups of the users that the kit has certificates for. */
const users: { readonly [user: string]: readonly string[] } = {
  admin: [groups.admins],
  eva: ['gardeners'],
  [nodeUser('n1')]: [groups.nodes],
  thermometer: [groups.telemetry],
}

/** The real REST server on loopback, over TLS with real certificates; the store in memory, pods' logs and usage made up. */
export const startKit = async (
  t: Test,
  {
    admission = {},
    store = fakeStore(),
    ...more
  }: Partial<RestOptions> & { readonly admission?: Admission; readonly store?: Store } = {},
): Promise<RestKit> => {
  const clock = { now: Date.now() }
  const keys = await openKeys(folderOf(t), { now: Date.now, randomBytes, names: ['127.0.0.1', 'localhost'] })
  const objects = openObjects({
    store,
    kinds: allKinds,
    admission,
    atRest: keys.atRest,
    now: () => clock.now,
    newUid: randomUUID,
    random: Math.random,
    log: silentLog,
  })
  await bootstrapObjects(objects)
  const address = ['127.0.0.1:6443']
  const from = {
    keys,
    store,
    objects,
    now: Date.now,
    randomBytes,
    log: silentLog,
    api: () => address,
    mqtt: () => address,
  }
  const identity = await openIdentity(from)
  const usage = new Map<string, NodeUsage>()
  const usageSource: UsageSource = {
    node: name => usage.get(name),
    nodes: () => [...usage].map(([name, usage]) => ({ name, usage })),
  }
  const audit: AuditEntry[] = []
  const parts: RestKit['parts'] = {
    logs: { open: async (pod, container) => lines([`${pod.metadata.name} ${container} says hello\n`]) },
    usage: usageSource,
    serviceAccounts: identity.serviceAccounts,
    now: () => clock.now,
    clock: systemClock,
    log: silentLog,
    version: '0.1.0',
    audit: entry => audit.push(entry),
  }
  const server = await startRest({
    objects,
    authenticate: identity.authenticate,
    tls: { key: keys.server.key, cert: keys.server.certificate, ca: keys.ca.pem, ticketKeys: keys.ticketKeys },
    host: '127.0.0.1',
    port: 0,
    doors: [],
    ...parts,
    ...more,
  })
  const agent = new Agent({ keepAlive: true })
  t.teardown(async () => {
    agent.destroy()
    await server.close()
    await identity.close()
    await objects.close()
    await store.close()
  })
  const made = new Map<string, Credentials>([['admin', keys.admin]])
  const credentials = (user: string): Credentials | undefined => {
    if (user === 'nobody') return undefined
    const known = made.get(user)
    if (known !== undefined) return known
    const order = { name: user, groups: users[user] ?? [], notAfter: new Date(Date.now() + 3_600_000) }
    const fresh = keys.makeClient(order)
    made.set(user, fresh)
    return fresh
  }

  const open = (of: Ask) => {
    const own = credentials(of.as ?? 'admin')
    const body = of.body === undefined ? undefined : bytesOf(of.body)
    const sent = request({
      agent,
      host: '127.0.0.1',
      port: server.port,
      path: of.path,
      method: of.method ?? (body === undefined ? 'GET' : 'POST'),
      ca: keys.ca.pem,
      ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
        ...of.headers,
      },
    })
    return { sent, body }
  }

  return {
    server,
    parts,
    objects,
    keys,
    clock,
    usage,
    audit,
    url: `https://127.0.0.1:${server.port}`,
    credentials,
    ask: of =>
      new Promise((resolve, reject) => {
        const { sent, body } = open(of)
        sent.on('error', reject)
        sent.on('response', response => {
          const chunks: Buffer[] = []
          response.on('error', reject)
          response.on('data', chunk => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            const { statusCode: status = 0, headers } = response
            resolve({
              status,
              headers,
              text,
              get json() {
                return JSON.parse(text)
              },
            })
          })
        })
        sent.end(body)
      }),
    watch: of =>
      new Promise((resolve, reject) => {
        const { sent } = open(of)
        sent.on('error', reject)
        sent.on('response', response => resolve(watchStream(response, () => sent.destroy())))
        sent.end()
      }),
  }
}

const bytesOf = (body: unknown): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))

async function* lines(of: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const one of of) yield Buffer.from(one)
}

const watchStream = (
  response: NodeJS.ReadableStream & { statusCode?: number | undefined; headers: IncomingHttpHeaders },
  stop: () => void,
): WatchStream => {
  const seen: string[] = []
  let rest = ''
  let isOver = false
  let wake = (): void => {}
  const over = Promise.withResolvers<void>()
  response.on('data', chunk => {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    seen.push(...parts)
    wake()
  })
  const end = (): void => {
    isOver = true
    over.resolve()
    wake()
  }
  response.on('end', end)
  response.on('error', end)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    ended: over.promise,
    stop,
    pause: () => response.pause(),
    resume: () => response.resume(),
    async next() {
      while (seen.length === 0) {
        if (isOver) throw new Error('the watch has ended')
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      return JSON.parse(seen.shift() ?? '')
    },
  }
}
