import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import type { Door } from '../../../src/hub/rest/door.ts'
import { startRest } from '../../../src/hub/rest/start-rest.ts'
import { fails } from '../../support/fails.ts'
import { type RestKit, startKit } from '../../support/rest.ts'

const open = async (kit: RestKit, options: object = {}): Promise<TLSSocket> => {
  const socket = connect({ host: '127.0.0.1', port: kit.server.port, ca: kit.keys.ca.pem, ...options })
  await once(socket, 'secureConnect')
  return socket
}

t.test('a door answers below its prefix, and before the API', async t => {
  const door: Door = {
    prefix: '/dunlin/v1/enrol',
    handle: async request => ({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: `${request.caller.user} ${request.path} ${request.query.get('x')} ${await request.body(10)}`,
    }),
  }
  const { ask } = await startKit(t, { doors: [door] })
  const path = '/dunlin/v1/enrol'
  t.equal(
    (await ask({ path: `${path}?x=1`, as: 'nobody', body: Buffer.from('hello') })).text,
    `system:anonymous ${path} 1 hello`,
  )
  t.equal((await ask({ path: `${path}/more` })).text, `admin ${path}/more null `)
  t.match(await ask({ path: '/dunlin/v1/enrolment' }), { status: 404 })
  t.match(await ask({ path, body: Buffer.from('far too long for it') }), {
    status: 413,
    json: { reason: 'RequestEntityTooLarge', message: /limit is 10/ },
  })
})

t.test('a door may take over an upgrade; others refuse it with a Status', async t => {
  const door: Door = {
    prefix: '/dunlin/v1/session',
    handle: async () => ({ status: 400 }),
    async upgrade(request, socket) {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
      socket.end(`hello ${request.caller.user}`)
    },
  }
  const kit = await startKit(t, { doors: [door] })
  const upgrade = async (path: string): Promise<string> => {
    const admin = kit.credentials('admin')
    const socket = await open(kit, { cert: admin?.certificate, key: admin?.key })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }
  t.match(await upgrade('/dunlin/v1/session/1'), /101 Switching[\s\S]*hello admin$/)
  t.match(
    await upgrade('/api/v1/namespaces/default/pods/x/eviction'),
    /^HTTP\/1.1 400 [\s\S]*"kind":"Status"[\s\S]*nothing to upgrade/,
  )
})

t.test('connections that speak MQTT go to the broker, all others to HTTP', async t => {
  const kit = await startKit(t, { onMqtt: socket => socket.end('CONNACK') })
  const mqtt = await open(kit, { ALPNProtocols: ['mqtt'] })
  t.equal(mqtt.alpnProtocol, 'mqtt')
  t.equal(String((await once(mqtt, 'data'))[0]), 'CONNACK')
  const http = await open(kit, { ALPNProtocols: ['h2', 'http/1.1'] })
  t.equal(http.alpnProtocol, 'http/1.1')
  http.destroy()
  t.match(await kit.ask({ path: '/healthz' }), { text: 'ok' })
})

t.test('callers that are no longer welcome are hung up on', async t => {
  const kit = await startKit(t)
  const path = '/api/v1/namespaces?watch=true'
  const admin = await kit.watch({ path })
  await admin.next()
  kit.server.drop(caller => caller.user === 'admin')
  await admin.ended
  t.match(await kit.ask({ path: '/healthz' }), { status: 200 })
})

t.test('nonsense on the wire hurts nobody', async t => {
  const kit = await startKit(t)
  const plain = connectTcp(kit.server.port, '127.0.0.1')
  plain.on('error', () => {})
  plain.write('GET / HTTP/1.1\r\n\r\n')
  await once(plain, 'close')
  const odd = await open(kit)
  odd.on('error', () => {})
  odd.write('\x00\x01\x02 nonsense\r\n\r\n')
  t.match(String((await once(odd, 'data'))[0]), /^HTTP\/1.1 400/)
  const cut = await open(kit)
  cut.write('POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a"')
  cut.destroy()
  t.match(await kit.ask({ path: '/healthz' }), { status: 200 })
})

t.test('a port that is taken is named, with what to do', async t => {
  const kit = await startKit(t)
  const { server, keys } = kit
  const again = startRest({
    objects: kit.objects,
    authenticate: () => ({ user: 'x', groups: [], by: 'anonymous' }),
    tls: { key: keys.server.key, cert: keys.server.certificate },
    host: '127.0.0.1',
    port: server.port,
    doors: [],
    ...kit.parts,
  })
  await fails(t, again, 'Machine', new RegExp(`port ${server.port} of 127.0.0.1 is in use: stop the program`))
})

t.test('percent-encoded names, YAML bodies, and bodies that end in a newline', async t => {
  const { ask } = await startKit(t)
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
  t.match(await ask({ path: `${roles}/system%3Anode` }), { json: { metadata: { name: 'system:node' } } })
  const headers = { 'content-type': 'application/yaml; charset=utf-8' }
  const configMaps = '/api/v1/namespaces/default/configmaps'
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: b\n'
  t.match(await ask({ path: configMaps, body: yaml, headers }), { status: 201, json: { data: { a: 'b' } } })
  t.match(await ask({ path: configMaps, body: '{"metadata":{"name":"d"}}\n' }), { status: 201 })
  t.match(await ask({ path: configMaps, body: '{"metadata":{}}' }), {
    status: 422,
    json: { message: /name or generateName is required/ },
  })
  const evil = '{"metadata":{"name":"e"},"data":{"__proto__":"x"}}'
  await ask({ path: configMaps, body: evil })
  t.equal(({} as { x?: string }).x, undefined)
  t.equal(Object.getPrototypeOf({}), Object.prototype)
})

t.test('a hub that stops waits for nobody who took a connection over', async t => {
  const door: Door = {
    prefix: '/dunlin/v1/session',
    handle: async () => ({ status: 400 }),
    async upgrade(request, socket) {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
      await new Promise(resolve => request.signal.addEventListener('abort', resolve))
    },
  }
  const kit = await startKit(t, { doors: [door], onMqtt: socket => socket.write('CONNACK') })
  const mqtt = await open(kit, { ALPNProtocols: ['mqtt'] })
  await once(mqtt, 'data')
  const session = await open(kit)
  session.write('GET /dunlin/v1/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
  await once(session, 'data')
  await kit.server.close()
  t.match(kit.audit.at(-1), { user: 'system:anonymous', access: { verb: 'connect' }, status: 101 })
  t.notOk(mqtt.destroyed, 'the broker ends its connections itself')
  mqtt.destroy()
  session.destroy()
})
