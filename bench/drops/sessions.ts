import type { KubeClient } from '../../src/cli/kube-client.ts'
import { type ChannelSocket, openChannels } from '../../src/cli/streams/channel-socket.ts'

/** One way to open a session with the pod "web" and to leave it. Resolves when the client has gone. */
export type Drop = (kube: KubeClient) => Promise<void>

const pod = '/api/v1/namespaces/default/pods/web'
const copy = '/apis/dunlin.io/v1/namespaces/default/pods/web/copy'

type Query = readonly (readonly [string, string])[]

const command = (words: readonly string[], ...more: Query): Query => [
  ...words.map(word => ['command', word] as const),
  ['stdout', 'true'],
  ...more,
]

/** Opens channels, does `act`, and breaks the connection off: no goodbye. */
const cut = async (
  kube: KubeClient,
  path: string,
  query: Query,
  act: (socket: ChannelSocket) => Promise<unknown>,
): Promise<void> => {
  const gone = new AbortController()
  const socket = await openChannels(kube.context, path, query, gone.signal)
  try {
    await act(socket)
  } finally {
    gone.abort()
  }
}

/** Waits for bytes on a channel. */
const heard = async (socket: ChannelSocket, channel: number, after = 0): Promise<void> => {
  let seen = 0
  for await (const one of socket.messages) {
    if (one.channel === channel && one.bytes.length > 0) seen += 1
    if (seen > after) return
  }
  throw new Error('the session ended before the client wanted to')
}

export const drops: { readonly [name: string]: Drop } = {
  async 'a command that ends'(kube) {
    const socket = await openChannels(kube.context, `${pod}/exec`, command(['true']), new AbortController().signal)
    for await (const _ of socket.messages);
    socket.close()
  },
  'a command, cut': kube =>
    cut(kube, `${pod}/exec`, command(['cat'], ['stdin', 'true']), async socket => {
      await socket.send(0, Buffer.from('x'))
      await heard(socket, 1)
    }),
  'a terminal, cut': kube =>
    cut(kube, `${pod}/exec`, command(['sh'], ['stdin', 'true'], ['tty', 'true']), socket => heard(socket, 1)),
  'a flood that is not read, cut': kube =>
    cut(kube, `${pod}/exec`, command(['yes']), async socket => {
      await heard(socket, 1)
      await new Promise(resolve => setTimeout(resolve, 200))
    }),
  'attached, cut': kube => cut(kube, `${pod}/attach`, [['stdout', 'true']], socket => heard(socket, 1)),
  'a log that is followed, cut': async kube => {
    const gone = new AbortController()
    const log = await kube.open('GET', `${pod}/log`, { query: { follow: true }, signal: gone.signal })
    log.on('error', () => {})
    await new Promise(resolve => log.once('data', resolve))
    gone.abort()
  },
  'a forwarded connection, cut': kube =>
    cut(kube, `${pod}/portforward`, [['ports', '7001']], async socket => {
      await socket.send(0, Buffer.from('x'))
      await heard(socket, 0, 1)
    }),
  'a copy, cut': kube => cut(kube, copy, [['path', '/big']], socket => heard(socket, 1)),
}
