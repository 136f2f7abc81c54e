import { createServer, type Server, type Socket } from 'node:net'
import { describeError, Fault } from '../../api/fault.ts'
import { resetConnection } from '../../lib/reset-connection.ts'
import type { Command, Invocation } from '../command.ts'
import { nameOf, podOfWord } from '../find-pods.ts'
import { type ForwardWord, forwardWord } from '../forward-words.ts'
import type { KubeClient } from '../kube-client.ts'
import { nodeName, nodeOfWord, nodePath } from '../node-paths.ts'
import { kubeOptions } from '../options.ts'
import { kindOfWord, pathOf } from '../resources.ts'
import { at, listAt, textAt } from '../shown.ts'
import { openChannels } from '../streams/channel-socket.ts'
import { forwardConnection } from '../streams/forward-connection.ts'

export const portForward: Command = {
  name: 'port-forward',
  summary: 'reach a port of a pod, of a device or of the device’s LAN from here',
  usage: 'port-forward (POD | TYPE/NAME) [LOCAL:]PORT… | port-forward node/NAME LOCAL:[HOST:]PORT…',
  examples: [
    { line: 'dunlin port-forward deploy/web 8080:80', says: 'localhost:8080 is port 80 of a pod of the Deployment' },
    { line: 'dunlin port-forward svc/web 8080:http', says: 'a Service’s port by its name' },
    { line: 'dunlin port-forward node/barn 2222:22', says: 'a port of the device itself' },
    { line: 'dunlin port-forward node/barn 8080:192.168.1.20:80', says: 'of a host of its LAN, if its policy allows' },
  ],
  options: [
    ...kubeOptions,
    { name: 'address', value: 'ADDRESS', many: true, help: 'listen there (default localhost)' },
  ],
  async run(of) {
    const kube = await of.kube()
    const [word, ...ports] = of.words
    if (word === undefined || ports.length === 0)
      throw new Fault('BadRequest', 'which port of what? For example: dunlin port-forward web-1 8080:80')
    const route = await routeOf(of, kube, word)
    const servers: Server[] = []
    try {
      for (const text of ports) servers.push(...(await listenFor(of, kube, text, route)))
      await new Promise<void>(resolve => {
        if (of.signal.aborted) resolve()
        else of.signal.addEventListener('abort', () => resolve(), { once: true })
      })
      return 0
    } finally {
      for (const server of servers) server.close()
    }
  },
}

/** Where connections go. */
interface Route {
  readonly mayNameHost: boolean
  readonly path: string
  /** The number of a port that is named. @throws Fault BadRequest */
  portOf(word: ForwardWord): number
  /** Whether it can succeed at all, before anything listens here. @throws Fault as the device says */
  ask?(host: string | undefined, port: number): Promise<void>
}

const routeOf = async (of: Invocation, kube: KubeClient, word: string): Promise<Route> => {
  const node = nodeOfWord(word)
  if (node !== undefined) {
    const path = nodePath(nodeName(node), 'forward')
    return {
      mayNameHost: true,
      path,
      portOf: ({ remote }) => Number(remote),
      ask: async (host, port) =>
        void (await kube.request('GET', path, { query: { host, ports: port }, signal: of.signal })),
    }
  }
  const namespace = of.text('namespace') ?? kube.namespace
  const pod = await podOfWord(kube, namespace, word, of.signal)
  const path = pathOf(kindOfWord('pods'), namespace, nameOf(pod), 'portforward')
  const [type = '', name] = word.split('/')
  const isService = name !== undefined && kindOfWord(type).kind === 'Service'
  const service = isService
    ? await kube.request('GET', pathOf(kindOfWord('services'), namespace, name), { signal: of.signal })
    : undefined
  return {
    mayNameHost: false,
    path,
    portOf: ({ remote }) => (service === undefined ? podPort(pod, remote) : servicePort(service, pod, remote)),
  }
}

const podPort = (pod: unknown, remote: string): number => {
  if (/^\d+$/.test(remote)) return Number(remote)
  const found = listAt(pod, 'spec', 'containers')
    .flatMap(one => listAt(one, 'ports'))
    .find(one => at(one, 'name') === remote)
  if (found === undefined) throw new Fault('BadRequest', `pod ${nameOf(pod)} has no port named "${remote}"`)
  return Number(at(found, 'containerPort'))
}

/** k8s: a Service's port is that of its pods to which it leads. */
const servicePort = (service: unknown, pod: unknown, remote: string): number => {
  const ports = listAt(service, 'spec', 'ports')
  const found = ports.find(one => at(one, 'name') === remote || String(at(one, 'port')) === remote)
  if (found === undefined) {
    const known = ports.map(one => [textAt(one, 'name'), textAt(one, 'port')].filter(Boolean).join(' ')).join(', ')
    throw new Fault('BadRequest', `Service ${nameOf(service)} has no port "${remote}"; it has: ${known}`)
  }
  if (at(service, 'spec', 'clusterIP') === 'None') return podPort(pod, textAt(found, 'port') ?? '')
  return podPort(pod, textAt(found, 'targetPort') ?? textAt(found, 'port') ?? '')
}

const listenFor = async (of: Invocation, kube: KubeClient, text: string, route: Route): Promise<readonly Server[]> => {
  const word = forwardWord(text, route)
  const port = route.portOf(word)
  await route.ask?.(word.host, port)
  const query: (readonly [string, string])[] = [
    ['ports', String(port)],
    ...(word.host === undefined ? [] : [['host', word.host] as const]),
  ]
  const target = word.host === undefined ? String(port) : `${word.host}:${port}`
  const addresses = of.texts('address').flatMap(one => one.split(','))
  const chosen = addresses.length === 0 ? ['localhost'] : addresses
  const servers: Server[] = []
  let local = word.local
  for (const address of chosen.flatMap(one => (one === 'localhost' ? ['127.0.0.1', '::1'] : [one]))) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, connection => {
      of.out.write(`Handling connection for ${local}\n`)
      carry(of, kube, connection, route.path, query).catch((error: unknown) => {
        if (!of.signal.aborted) of.out.note(`error forwarding port ${local} to ${target}: ${describeError(error)}`)
        resetConnection(connection)
      })
    })
    try {
      local = await listen(server, local, address)
    } catch (error) {
      // k8s: localhost is both loopbacks, of which one is enough.
      if (address === '::1' && servers.length > 0) continue
      for (const one of servers) one.close()
      throw new Fault('Machine', `unable to listen on ${address}:${local}: ${describeError(error)}`, {}, error)
    }
    servers.push(server)
    of.out.write(`Forwarding from ${address.includes(':') ? `[${address}]` : address}:${local} -> ${target}\n`)
  }
  return servers
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })

const carry = async (
  of: Invocation,
  kube: KubeClient,
  connection: Socket,
  path: string,
  query: readonly (readonly [string, string])[],
): Promise<void> => {
  const leave = (): void => void connection.destroy()
  of.signal.addEventListener('abort', leave, { once: true })
  // Whoever reads or writes hears of it there.
  connection.on('error', () => {})
  connection.once('close', () => of.signal.removeEventListener('abort', leave))
  const socket = await openChannels(kube.context, path, query, of.signal)
  const failure = await forwardConnection(connection, socket)
  if (failure !== undefined) throw new Fault('Unavailable', failure)
}
