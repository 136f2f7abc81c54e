import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Credentials,
  connectPacket,
  mqtt,
  type OpenSockets,
  publishPacket,
  subscribePacket,
  type Target,
} from './sockets.ts'

/** How many, and until when. */
export interface Measure {
  readonly count: number
  /** Aborts when the time of the attack is over. */
  readonly signal: AbortSignal
}

type Attack = (target: Target, sockets: OpenSockets, measure: Measure) => Promise<void>

const rest = async ({ signal }: Measure): Promise<void> => {
  while (!signal.aborted) await sleep(50)
}

/** Does `act` for 0 … count - 1, `atOnce` at a time. */
const many = async (
  { count, signal }: Measure,
  atOnce: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> => {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count && !signal.aborted) {
      next += 1
      await act(next - 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** A header that announces 256 MiB, the most that MQTT can say. */
const hugeHeader = (type: number): Buffer => Buffer.from([type, 0xff, 0xff, 0xff, 0x7f])

const http = (method: string, path: string, headers: readonly string[] = []): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: hub', ...headers, '', ''].join('\r\n')

const configMaps = '/api/v1/namespaces/hostile/configmaps'

/** One `act` on a connection of its own for each, all held until the end. */
const held =
  (
    act: (socket: NonNullable<Awaited<ReturnType<OpenSockets['tls']>>>, index: number) => void,
    by?: (t: Target) => Credentials,
  ): Attack =>
  async (target, sockets, measure) => {
    await many(measure, 32, async index => {
      const socket = await sockets.tls(target, target.apiPort, by?.(target))
      if (socket !== undefined) act(socket, index)
    })
    await rest(measure)
  }

const user = (target: Target): Credentials => target.user

export const attacks = {
  'no attack': async (_target, _sockets, measure) => await rest(measure),
  'strangers who connect and connect': async (target, sockets, measure) => {
    await many(measure, 64, async index => {
      const socket = await sockets.tls(target, target.mqttPort)
      socket?.end(connectPacket(`stranger-${index}`))
    })
    await rest(measure)
  },
  'a node that connects and connects': async (target, sockets, measure) => {
    await many(measure, 32, () => mqtt(sockets, target, target.node, target.node.name))
    await rest(measure)
  },
  'headers of 256 MiB, before CONNECT': async (target, sockets, measure) => {
    await many(measure, 32, async () => {
      const socket = await sockets.tls(target, target.mqttPort)
      socket?.write(hugeHeader(0x10))
    })
    await rest(measure)
  },
  'headers of 256 MiB, of a node': async (target, sockets, measure) => {
    await many(measure, 1, async () => {
      const socket = await mqtt(sockets, target, target.node, target.node.name)
      socket?.write(hugeHeader(0x30))
      await sleep(socket === undefined ? 200 : 5)
    })
    await rest(measure)
  },
  'telemetry readers that never read': async (target, sockets, measure) => {
    await many(measure, 8, async index => {
      const socket = await mqtt(sockets, target, target.reader, `reader-${index}`)
      socket?.write(subscribePacket(1, [`dunlin/1/${target.fleet}/t/#`]))
      socket?.pause()
    })
    const node = await mqtt(sockets, target, target.node, target.node.name)
    const topic = `dunlin/1/${target.fleet}/t/${target.node.name}/node/data`
    while (!measure.signal.aborted) {
      node?.write(publishPacket(topic, Buffer.alloc(64 * 1024, 0x20)))
      await sleep(20)
    }
  },
  'a reader that subscribes to everything': async (target, sockets, measure) => {
    const socket = await mqtt(sockets, target, target.reader, 'all')
    const wild = ['#', '+/#', '$SYS/#', `dunlin/1/${target.fleet}/#`, `dunlin/1/${target.fleet}/n/+/d/state`]
    socket?.write(subscribePacket(1, wild))
    await many(measure, 1, async index => {
      socket?.write(subscribePacket((index % 65_000) + 2, [`dunlin/1/${target.fleet}/t/node-${index}/#`]))
      if (index % 100 === 0) await sleep(1)
    })
    await rest(measure)
  },
  'retained births without end': async (target, sockets, measure) => {
    const socket = await mqtt(sockets, target, target.node, target.node.name)
    socket?.resume()
    await many(measure, 1, async index => {
      const topic = `dunlin/1/${target.fleet}/t/${target.node.name}/device-${index}/birth`
      if (socket?.write(publishPacket(topic, Buffer.alloc(512, 0x20), true)) === false) await sleep(5)
    })
    await rest(measure)
  },
  'a node that never stops talking': async (target, sockets, measure) => {
    const socket = await mqtt(sockets, target, target.node, target.node.name)
    const topic = `dunlin/1/${target.fleet}/n/${target.node.name}/u/status`
    await many(measure, 1, async () => {
      if (socket?.write(publishPacket(topic, Buffer.from('no envelope'))) === false) await sleep(2)
    })
    await rest(measure)
  },
  'half-open TLS handshakes': async (target, sockets, measure) => {
    await many(measure, 64, async index => {
      const socket = sockets.tcp(index % 2 === 0 ? target.mqttPort : target.apiPort)
      // Half of them begin to say hello: a record and a ClientHello of 512 bytes, of which nothing more comes.
      if (index % 4 < 2) socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]))
      if (index % 200 === 0) await sleep(5)
    })
    await rest(measure)
  },
  'heads of requests, a byte a second': async (target, sockets, measure) => {
    await held(socket => {
      socket.write('GET /api HTTP/1.1\r\nX-Slow: ')
      const timer = setInterval(() => socket.write('x'), 1000)
      socket.once('close', () => clearInterval(timer))
    })(target, sockets, measure)
  },
  'bodies of 3 MB, the last bytes one a second': async (target, sockets, measure) => {
    await held(socket => {
      socket.write(http('POST', configMaps, ['Content-Type: application/json', 'Content-Length: 3000000']))
      socket.write(Buffer.alloc(2_900_000, 0x20))
      const timer = setInterval(() => socket.write(' '), 1000)
      socket.once('close', () => clearInterval(timer))
    }, user)(target, sockets, measure)
  },
  'bodies without end': async (target, sockets, measure) => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')])
    await held(socket => {
      socket.write(http('POST', configMaps, ['Content-Type: application/json', 'Transfer-Encoding: chunked']))
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', more)
      more()
    }, user)(target, sockets, measure)
  },
  'lists that nobody reads': held(socket => {
    socket.pause()
    socket.write(http('GET', configMaps))
  }, user),
  'watches that nobody reads': async (target, sockets, measure) => {
    const change = async (): Promise<void> => {
      const socket = await sockets.tls(target, target.apiPort, target.user)
      socket?.resume()
      for (let round = 0; !measure.signal.aborted; round += 1) {
        const body = JSON.stringify({ metadata: { labels: { round: String(round) } } })
        const headers = ['Content-Type: application/merge-patch+json', `Content-Length: ${body.length}`]
        socket?.write(http('PATCH', `${configMaps}/large-0`, headers) + body)
        await sleep(20)
      }
    }
    const watching = held(socket => {
      socket.pause()
      socket.write(http('GET', `${configMaps}?watch=true`))
    }, user)(target, sockets, measure)
    await Promise.all([watching, change()])
  },
  'thousands of watches': held(socket => {
    socket.resume()
    socket.write(http('GET', `/api/v1/namespaces?watch=true`))
  }, user),
  'requests without a pause': async (target, sockets, measure) => {
    await held(socket => {
      socket.on('data', () => socket.write(http('GET', '/api/v1/nodes')))
      socket.write(http('GET', '/api/v1/nodes'))
    }, user)(target, sockets, measure)
  },
} as const satisfies { readonly [name: string]: Attack }

export type AttackName = keyof typeof attacks
