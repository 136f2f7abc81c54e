import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Fault } from '../../../src/api/fault.ts'
import type { PodLogs } from '../../../src/hub/ports.ts'
import { type RestKit, startKit } from '../../support/rest.ts'
import { until } from '../../support/until.ts'

const path = '/api/v1/namespaces/default/pods/web/log'

const startWithLog = async (t: Test, open: PodLogs['open']): Promise<RestKit> => {
  const kit = await startKit(t, { logs: { open } })
  await kit.objects.create('Pod', {
    metadata: { name: 'web', namespace: 'default' },
    ...{ spec: { nodeName: 'n1', containers: [{ name: 'web', image: 'web:1' }] } },
  })
  return kit
}

const dial = (t: Test, kit: RestKit, protocols: readonly string[], query = '', user = 'admin') => {
  const { certificate: cert, key } = kit.credentials(user) ?? { certificate: '', key: '' }
  const tls = { ca: kit.keys.ca.pem, cert, key }
  const socket = new WebSocket(kit.url.replace('https', 'wss') + path + query, [...protocols], tls)
  const messages: { readonly data: Buffer; readonly isBinary: boolean }[] = []
  socket.on('message', (data: Buffer, isBinary: boolean) => messages.push({ data, isBinary }))
  socket.on('error', () => {})
  t.teardown(() => socket.terminate())
  return { socket, messages }
}

async function* pieces(...of: readonly (string | Uint8Array)[]) {
  for (const one of of) yield Buffer.from(one as Uint8Array)
}

const halfOfTwo = Buffer.from([0xc3])

for (const protocols of [[], ['binary.k8s.io'], ['unknown', 'binary.k8s.io', 'base64.binary.k8s.io']]) {
  t.test(`a log comes in binary messages to who offers ${protocols.join(', ') || 'no protocol'}`, async t => {
    const kit = await startWithLog(t, async () => pieces('one\n', halfOfTwo, 'three'))
    const { socket, messages } = dial(t, kit, protocols)
    const [code] = await once(socket, 'close')
    t.equal(code, 1000, 'the end of the log is the end of the connection')
    t.equal(socket.protocol, protocols.length === 0 ? '' : 'binary.k8s.io')
    t.ok(messages.every(one => one.isBinary))
    t.strictSame(Buffer.concat(messages.map(one => one.data)), Buffer.from('one\n\xc3three', 'latin1'))
  })
}

t.test('it comes in texts of base64 to who prefers those, each decoded by itself', async t => {
  const kit = await startWithLog(t, async () => pieces('one\n', halfOfTwo, 'three'))
  const { socket, messages } = dial(t, kit, ['base64.binary.k8s.io', 'binary.k8s.io'])
  await once(socket, 'close')
  t.equal(socket.protocol, 'base64.binary.k8s.io')
  t.notOk(messages.some(one => one.isBinary))
  t.strictSame(
    messages.map(one => String(one.data)),
    ['b25lCg==', 'ww==', 'dGhyZWU='],
  )
})

t.test('what was asked of it is asked of the node', async t => {
  const asked: unknown[] = []
  const kit = await startWithLog(t, async (_pod, container, options) => {
    asked.push([container, options])
    return pieces('x')
  })
  await once(dial(t, kit, [], '?container=web&follow=true&tailLines=5&timestamps=1').socket, 'close')
  t.match(asked, [['web', { follow: true, tailLines: 5, timestamps: true }]])
})

t.test('who leaves a log that is followed ends it at the node', async t => {
  let signal: AbortSignal | undefined
  const kit = await startWithLog(t, async (_pod, _container, _options, until) => {
    signal = until
    return (async function* () {
      yield Buffer.from('first\n')
      await new Promise(resolve => until.addEventListener('abort', resolve, { once: true }))
    })()
  })
  const { socket, messages } = dial(t, kit, ['binary.k8s.io'], '?follow=true')
  await until('the first line is there', () => messages.length === 1)
  socket.terminate()
  await until('the node is told', () => signal?.aborted === true)
  t.pass('it is')
})

t.test('a log that breaks off says why in the closing of the connection', async t => {
  const kit = await startWithLog(t, async () =>
    (async function* () {
      yield Buffer.from('first\n')
      throw new Fault('Unavailable', 'node "n1" has gone')
    })(),
  )
  const [code, reason] = await once(dial(t, kit, []).socket, 'close')
  t.equal(code, 1008)
  t.match(String(reason), /node "n1" has gone/)
})

t.test('a protocol that nobody speaks, and a caller without the right, open nothing', async t => {
  let opened = 0
  const kit = await startWithLog(t, async () => {
    opened += 1
    return pieces('x')
  })
  for (const [protocols, user, status] of [
    [['v4.channel.k8s.io'], 'admin', 400],
    [[], 'eva', 403],
  ] as const) {
    const { socket } = dial(t, kit, protocols, '', user)
    const [, answer] = await once(socket, 'unexpected-response')
    t.equal(answer.statusCode, status)
    answer.destroy()
  }
  t.equal(opened, 0)
})
