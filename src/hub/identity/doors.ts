import { Fault } from '../../api/fault.ts'
import {
  enrolCheckPath,
  enrolPath,
  mostEnrolmentBytes,
  parseEnrolCheck,
  parseEnrolRequest,
  parseRenewRequest,
  renewPath,
} from '../../wire/enrolment.ts'
import { parseAddress } from '../../wire/join-token.ts'
import type { Door, HttpRequest, HttpResponse } from '../rest/door.ts'
import { type Caller, groups } from './caller.ts'
import type { TokenRecord } from './join-tokens.ts'
import type { HubKeys } from './keys.ts'
import { kubeconfig } from './kubeconfig.ts'
import type { WholeIdentity } from './open-identity.ts'
import { parseTokenOrder, parseUserOrder } from './parse-orders.ts'

export interface DoorOptions {
  readonly identity: WholeIdentity
  readonly keys: HubKeys
  /** Addresses of the HTTPS door, `host:port`; the first goes into kubeconfigs. */
  readonly api: () => readonly string[]
  readonly mqtt: () => readonly string[]
}

/** Everything that identity answers beside the Kubernetes API. Who may pass stands beside each path. */
export const identityDoors = (of: DoorOptions): readonly Door[] => [
  {
    prefix: enrolPath,
    async handle(request) {
      admit(request, 'devices that have no certificate yet', caller => caller.by === 'anonymous')
      only(request, 'POST')
      if (request.path === enrolCheckPath)
        return json(200, of.identity.check(parseEnrolCheck(await request.body(mostEnrolmentBytes))))
      return json(201, await of.identity.enrol(parseEnrolRequest(await request.body(mostEnrolmentBytes))))
    },
  },
  {
    prefix: renewPath,
    async handle(request) {
      admit(request, 'nodes', caller => caller.by === 'anonymous' || caller.groups.includes(groups.nodes))
      only(request, 'POST')
      return json(200, await of.identity.renew(parseRenewRequest(await request.body(mostEnrolmentBytes))))
    },
  },
  {
    prefix: '/dunlin/v1/join-tokens',
    async handle(request) {
      admitAdmins(request)
      const id = below(request, '/dunlin/v1/join-tokens')
      if (id !== undefined) {
        only(request, 'DELETE')
        await of.identity.tokens.remove(id)
        return json(200, { id })
      }
      if (request.method === 'GET') return json(200, { tokens: of.identity.tokens.list().map(shown) })
      only(request, 'POST', 'GET')
      const { text, record } = await of.identity.tokens.create(parseTokenOrder(await request.body(mostEnrolmentBytes)))
      return json(201, { token: text, ...shown(record) })
    },
  },
  {
    prefix: '/dunlin/v1/users',
    async handle(request) {
      admitAdmins(request)
      const user = below(request, '/dunlin/v1/users')
      if (user !== undefined) {
        only(request, 'DELETE')
        return json(200, { user, revoked: await of.identity.users.revoke(user) })
      }
      if (request.method === 'GET') return json(200, { users: of.identity.users.list() })
      only(request, 'POST', 'GET')
      return json(201, await makeUser(of, await request.body(mostEnrolmentBytes)))
    },
  },
  {
    prefix: '/dunlin/v1/nodes',
    async handle(request) {
      admitAdmins(request)
      only(request, 'DELETE')
      const name = below(request, '/dunlin/v1/nodes')
      if (name === undefined) throw new Fault('BadRequest', 'name the node: DELETE /dunlin/v1/nodes/<name>')
      await of.identity.removeNode(name)
      return json(200, { name })
    },
  },
]

/** A named user: certificate, key, and a kubeconfig with both. The key is not kept here. */
const makeUser = async (of: DoorOptions, body: Uint8Array) => {
  const order = parseUserOrder(body)
  const { credentials, record } = await of.identity.users.make(order)
  const server = order.server ?? `https://${of.api()[0] ?? 'localhost:6443'}`
  return {
    fleetId: of.keys.fleet,
    mqttPort: parseAddress(of.mqtt()[0] ?? '')?.port ?? 8883,
    user: record.user,
    groups: record.groups,
    notAfter: record.notAfter,
    certificate: credentials.certificate,
    key: credentials.key,
    ca: of.keys.ca.pem,
    kubeconfig: kubeconfig({ fleet: of.keys.fleet, server, ca: of.keys.ca.pem, user: order.user, credentials }),
  }
}

/** Lets in whom `isWelcome` says. @throws Fault Forbidden that names the caller and who may pass */
export const admit = (request: HttpRequest, whom: string, isWelcome: (caller: Caller) => boolean): void => {
  if (isWelcome(request.caller)) return
  throw new Fault('Forbidden', `${request.path.slice(0, 200)} is for ${whom}; you are "${request.caller.user}"`, {
    user: request.caller.user,
  })
}

export const admitAdmins = (request: HttpRequest): void =>
  admit(request, `admins (${groups.admins})`, caller => caller.groups.includes(groups.admins))

/** @throws Fault MethodNotAllowed */
export const only = (request: HttpRequest, ...methods: readonly string[]): void => {
  if (methods.includes(request.method)) return
  throw new Fault(
    'MethodNotAllowed',
    `${request.path.slice(0, 200)} takes ${methods.join(' or ')}, not ${request.method}`,
  )
}

/** The one segment below the door's path. @throws Fault NotFound when there is more */
const below = (request: HttpRequest, prefix: string): string | undefined => {
  const rest = request.path.slice(prefix.length).replace(/^\//, '')
  if (rest === '') return undefined
  if (/^[A-Za-z0-9._:@-]{1,253}$/.test(rest)) return rest
  throw new Fault('NotFound', `there is nothing at ${request.path.slice(0, 200)}`)
}

const shown = (record: TokenRecord) => ({
  id: record.id,
  created: record.created,
  expires: record.expires,
  node: record.node,
  labels: record.labels,
  allowShell: record.allowShell,
  replace: record.replace,
  used: record.used === undefined ? undefined : { node: record.used.node, at: record.used.at },
})

const json = (status: number, body: unknown): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: `${JSON.stringify(body)}\n`,
})
