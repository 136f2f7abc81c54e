import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { serveSessions } from '../../src/agent/sessions/serve-sessions.ts'
import type { StreamServices } from '../../src/agent/sessions/stream-service.ts'
import { Fault } from '../../src/api/fault.ts'
import { nodeSessions } from '../../src/hub/fleet/node-sessions.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { hubServerName } from '../../src/wire/enrolment.ts'
import type { Command } from '../../src/wire/payloads.ts'
import type { FakeBus } from '../fakes/bus.ts'
import { folderOf } from './folder-of.ts'

/** A hub with the sessions' door on TLS, and agents whose commands come without MQTT. `attic` is the one asked. */
export const sessionFleet = async (
  t: Test,
  of: {
    readonly serve: StreamServices
    /** Where the agents dial instead of the hub itself. */
    readonly by?: (host: string) => string
    /** What tunnels go over. `attic` is connected to it. */
    readonly bus?: FakeBus
  },
) => {
  const keys = await openKeys(`${folderOf(t)}/keys`, { now: Date.now, randomBytes, names: ['127.0.0.1'] })
  const server = createServer({
    key: keys.server.key,
    cert: keys.server.certificate,
    ca: keys.ca.pem,
    requestCert: true,
    rejectUnauthorized: false,
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const dials: Extract<Command, { readonly action: 'dial' }>[] = []
  const agent = (node: string) => {
    const made = keys.makeClient({
      name: `system:node:${node}`,
      groups: ['system:nodes'],
      notAfter: new Date(Date.now() + 86_400_000),
    })
    const tls = { ca: keys.ca.pem, cert: made.certificate, key: made.key, servername: hubServerName }
    const start = () =>
      serveSessions({
        tls: () => tls,
        addresses: () => [of.by?.(host) ?? host],
        serve: of.serve,
        ...(of.bus && { bus: of.bus.agent(node) }),
        clock: systemClock,
        log: silentLog,
      })
    return { tls, start, sessions: start() }
  }
  const agents = { attic: agent('attic'), cellar: agent('cellar') }
  let who: keyof typeof agents = 'attic'
  const startHub = () =>
    nodeSessions({
      command: async (node, wish) => {
        if (node !== 'attic') throw new Fault('Unavailable', `node "${node}" is not connected to the hub`)
        const command = { ...wish, format: 1, id: 'c', notAfter: '2099-01-01T00:00:00Z' } as Command
        if (command.action !== 'dial') return { format: 1, id: 'c', ok: false }
        dials.push(command)
        try {
          return { format: 1, id: 'c', ok: true, message: await agents[who].sessions.dial(command) }
        } catch (error) {
          return { format: 1, id: 'c', ok: false, message: String(error) }
        }
      },
      // Not reached: the agent falls back to the addresses that it knows.
      url: 'wss://127.0.0.1:1',
      randomHex: bytes => randomBytes(bytes).toString('hex'),
      ...(of.bus && { bus: of.bus.hub }),
      clock: systemClock,
      log: silentLog,
    })
  let sessions = startHub()
  server.on('upgrade', (request, socket, head) => {
    const certificate = (socket as TLSSocket).getPeerCertificate()
    const caller = {
      user: String(certificate.subject.CN),
      groups: [String(certificate.subject.O)],
      by: 'certificate' as const,
    }
    sessions.door
      .upgrade?.(
        {
          method: 'GET',
          path: request.url ?? '',
          query: new URLSearchParams(),
          headers: request.headers,
          caller,
          remoteAddress: '',
          signal: new AbortController().signal,
          body: async () => Buffer.alloc(0),
        },
        socket,
        head,
      )
      .catch(() => socket.destroy())
  })
  t.teardown(() => {
    for (const one of Object.values(agents)) one.sessions.close()
    sessions.close()
    server.closeAllConnections()
    server.close()
  })
  return {
    get sessions() {
      return sessions
    },
    host,
    dials,
    agents,
    /** The agent process is started anew: its sessions end. */
    restartAgent() {
      agents.attic.sessions.close()
      agents.attic = { ...agents.attic, sessions: agents.attic.start() }
    },
    /** The hub process is started anew. */
    restartHub() {
      sessions.close()
      sessions = startHub()
    },
    /** Whose agent gets the commands that are for `attic`. */
    use: (name: keyof typeof agents) => {
      who = name
    },
  }
}
