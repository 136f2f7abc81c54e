import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { aDevice } from '../../test/hub/a-device.ts'
import type { Credentials } from './sockets.ts'

/** What an honest client did, and how long each took, in milliseconds. */
export interface Tally {
  readonly ms: number[]
  readonly failures: string[]
}

export interface NormalLoad {
  /** Forgets what was tallied before. */
  begin(): void
  tallies(): { readonly [what: string]: Tally }
  close(): Promise<void>
}

/**
 * Honest work all the while: reads and writes on a connection that is kept, a new connection to the API and one to the
 * broker now and then, and a pod for a node, until the node has it and has reported.
 */
export const normalLoad = async (of: {
  readonly apiPort: number
  readonly mqttPort: number
  readonly ca: string
  readonly admin: Credentials
  readonly token: string
  readonly stateFolder: string
}): Promise<NormalLoad> => {
  const closers: (() => unknown)[] = []
  const device = await aDevice(
    { teardown: (close: () => unknown) => void closers.push(close) },
    { stateFolder: of.stateFolder, token: of.token, name: 'honest' },
  )
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const tls = { ca: of.ca, cert: of.admin.certificate, key: of.admin.key }
  let tallies: { [what: string]: Tally } = {}
  let isOver = false

  const ask = (method: string, path: string, body?: unknown, fresh = false): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }
      const target = { host: '127.0.0.1', port: of.apiPort, path, method, headers, ...tls }
      const call = request({ ...target, agent: fresh ? false : agent, timeout: 30_000 }, answer => {
        let text = ''
        answer.on('data', chunk => {
          text += String(chunk)
        })
        answer.on('error', reject)
        answer.on('end', () => {
          if ((answer.statusCode ?? 0) < 400) resolve(text)
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 200)}`))
        })
      })
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)))
      call.on('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })

  const pods = '/api/v1/namespaces/default/pods'
  const wish = async (count: number): Promise<void> => {
    const name = `honest-${count}`
    const spec = { nodeName: 'honest', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'x' }] }
    await ask('POST', pods, { metadata: { name }, spec })
    const has = (): boolean => device.hub.assignment()?.pods.some(pod => pod.metadata.name === name) === true
    for (let tries = 0; !has(); tries += 1) {
      if (tries > 3000) throw new Error(`${name} did not reach its node`)
      await sleep(10)
    }
    await device.hub.report({ presentPodUids: [] })
    await ask('DELETE', `${pods}/${name}?gracePeriodSeconds=0`)
  }
  const freshBroker = async (): Promise<void> => {
    const own = device.identity.tls()
    const socket = connect({ host: '127.0.0.1', port: of.mqttPort, ...own })
    socket.on('error', () => {})
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')])
    const isOpen = !socket.destroyed
    socket.destroy()
    if (!isOpen) throw new Error('the broker closed the connection')
  }
  const map = '/api/v1/namespaces/default/configmaps/honest'
  await ask('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'honest' } })

  const loop = async (what: string, everyMs: number, act: (count: number) => Promise<unknown>): Promise<void> => {
    for (let count = 0; !isOver; count += 1) {
      const began = performance.now()
      const tally = tallies[what] ?? { ms: [], failures: [] }
      tallies[what] = tally
      try {
        await act(count)
        tally.ms.push(performance.now() - began)
      } catch (error) {
        if (!isOver) tally.failures.push(error instanceof Error ? error.message : String(error))
      }
      await sleep(everyMs)
    }
  }
  const loops = [
    loop('read', 50, () => ask('GET', '/api/v1/nodes')),
    loop('write', 100, count => ask('PATCH', map, { data: { count: String(count) } })),
    loop('pod reaches its node', 200, wish),
    loop('new connection to the API', 500, () => ask('GET', '/readyz', undefined, true)),
    loop('new connection to the broker', 3000, freshBroker),
  ]
  return {
    begin() {
      tallies = {}
    },
    tallies: () => tallies,
    async close() {
      isOver = true
      await Promise.all(loops)
      agent.destroy()
      for (const close of closers) await close()
    },
  }
}
