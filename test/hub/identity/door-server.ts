import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { Fault } from '../../../src/api/fault.ts'
import type { Identity } from '../../../src/hub/identity/identity.ts'
import type { HubKeys } from '../../../src/hub/identity/keys.ts'
import type { Door } from '../../../src/hub/rest/door.ts'

/** The doors alone behind real TLS, faults as Status, on a free port of loopback. */
export const doorServer = async (keys: HubKeys, identity: () => Identity, doors: () => readonly Door[]) => {
  const tls = { key: keys.server.key, cert: keys.server.certificate, ca: keys.ca.pem }
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (incoming, outgoing) => {
    const answer = async () => {
      const url = new URL(incoming.url ?? '/', 'https://hub')
      const door = doors().find(one => url.pathname === one.prefix || url.pathname.startsWith(`${one.prefix}/`))
      if (door === undefined) throw new Fault('NotFound', 'no such door')
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk)
      return door.handle({
        method: incoming.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        headers: incoming.headers,
        caller: identity().authenticate(incoming.socket as TLSSocket, incoming.headers),
        remoteAddress: '127.0.0.1',
        signal: new AbortController().signal,
        body: async () => Buffer.concat(chunks),
      })
    }
    answer().then(
      response => outgoing.writeHead(response.status, { 'content-type': 'application/json' }).end(response.body),
      error => {
        const fault = error instanceof Fault ? error : new Fault('Internal', String(error))
        outgoing
          .writeHead(fault.status)
          .end(JSON.stringify({ kind: 'Status', message: fault.message, code: fault.status }))
      },
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    address: `127.0.0.1:${port}`,
    close: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
