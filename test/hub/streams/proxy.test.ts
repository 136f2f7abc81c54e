import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import type { EndpointSlice, Pod, Service } from '../../../src/api/types.ts'
import { fakePodStreams } from '../../fakes/pod-streams.ts'
import { folderOf } from '../../support/folder-of.ts'
import { startKit } from '../../support/rest.ts'

const namespace = 'default'
const base = `/api/v1/namespaces/${namespace}`

/** A pod whose port 8080 is a server that says what it was asked. */
const startPod = async (t: Test) => {
  const server = createServer(async (request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end()
    else {
      const { method, url, headers } = request
      response.writeHead(request.url === '/teapot' ? 418 : 200, { 'x-mine': 'yes' })
      response.end(JSON.stringify({ method, url, headers, body: await text(request) }))
    }
  })
  server.on('upgrade', (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`,
    )
    socket.once('data', (bytes: Buffer) => socket.end(`${request.url} heard ${bytes}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const streams = fakePodStreams(folderOf(t))
  streams.ports.set(8080, (server.address() as AddressInfo).port)
  const kit = await startKit(t, { streams })
  const metadata = { namespace, name: 'web' }
  const container = { name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] }
  await kit.objects.create<Pod>('Pod', { metadata, spec: { nodeName: 'n1', containers: [container] } })
  const ports = [{ name: 'http', port: 80 }]
  await kit.objects.create<Service>('Service', { metadata, spec: { ports, clusterIP: 'None' } })
  await kit.objects.create<EndpointSlice>('EndpointSlice', {
    metadata: { namespace, name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.64.0.2'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'web', namespace } },
    ],
  })
  return { ...kit, streams }
}

t.test('a request goes to the pod of a pod or a Service, and its answer comes back', async t => {
  const { ask } = await startPod(t)
  for (const place of [
    'pods/web',
    'pods/web:8080',
    'pods/http:web:http',
    'services/web',
    'services/web:80',
    'services/web:http',
  ]) {
    const found = await ask({ path: `${base}/${place}/proxy/a//b%20c?x=1&watch=true` })
    t.match(
      found,
      { status: 200, headers: { 'x-mine': 'yes' }, json: { method: 'GET', url: '/a//b%20c?x=1&watch=true' } },
      place,
    )
  }
  t.match(
    await ask({
      path: `${base}/pods/web/proxy/x`,
      method: 'PUT',
      body: { a: 1 },
      headers: { 'x-own': '1', authorization: '' },
    }),
    {
      status: 200,
      json: {
        method: 'PUT',
        body: '{"a":1}',
        headers: { 'x-own': '1', authorization: undefined, 'x-forwarded-proto': 'https' },
      },
    },
  )
  t.match(await ask({ path: `${base}/pods/web/proxy/teapot` }), { status: 418 })
  t.match(await ask({ path: `${base}/pods/web/proxy?x=1` }), {
    status: 301,
    headers: { location: `${base}/pods/web/proxy/?x=1` },
  })
  t.match(await ask({ path: `${base}/services/web/proxy/moved` }), {
    status: 302,
    headers: { location: `${base}/services/web/proxy/there` },
  })
})

t.test('what cannot be reached is said', async t => {
  const { ask, objects } = await startPod(t)
  for (const [place, status, message] of [
    ['pods/none', 404, /pods "none" not found/],
    ['services/none', 404, /services "none" not found/],
    ['pods/web:9', 503, /nothing listens on port 9/],
    ['pods/ftp:web:80', 400, /invalid proxy request/],
    ['pods/web:99999', 400, /must be between 1 and 65535/],
    ['services/web:9', 503, /service "web" has no port "9": it has http/],
  ] as const)
    t.match(await ask({ path: `${base}/${place}/proxy/` }), { status, json: { message } }, place)
  await objects.delete('EndpointSlice', { namespace, name: 'web-1' })
  t.match(await ask({ path: `${base}/services/web/proxy/` }), {
    status: 503,
    json: { message: 'no endpoints available for service "web"' },
  })
  t.match(await ask({ path: `${base}/pods/web/proxy/`, as: 'eva' }), {
    status: 403,
    json: { message: /User "eva" cannot get resource "pods\/proxy"/ },
  })
})

t.test('an upgrade is the pod’s to answer', async t => {
  const kit = await startPod(t)
  const admin = kit.credentials('admin')
  const socket = connect({
    host: '127.0.0.1',
    port: kit.server.port,
    ca: kit.keys.ca.pem,
    cert: admin?.certificate,
    key: admin?.key,
  })
  await once(socket, 'secureConnect')
  socket.write(`GET ${base}/pods/web/proxy/chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chatter\r\n\r\n`)
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 101 [\s\S]*Upgrade: chatter/)
  socket.write('you')
  t.equal(await text(socket), '/chat heard you')
})
